//! What runs along a course: tendons, ligaments, muscle bellies, vessels. Coordinates as in `anatomy`.

use super::anatomy::EDGE;
use super::shape::{Point, band, capsule, cover, ellipsoid, mix, sub};

const TENDON: f32 = 75.0;
const ARTERY: f32 = 120.0;

/// Quadriceps and patellar tendon, collateral ligaments, iliotibial band.
pub(super) fn tendons(p: Point, value: f32, centre: Point, radii: Point, thick: f32) -> f32 {
    let mut nearest = f32::MAX;
    if p[1] < -8.0 && p[0].abs() < 22.0 {
        let lower = [centre[0], centre[1] - 2.0, centre[2] - radii[2] + 3.0];
        let upper = [centre[0], centre[1] + 1.0, centre[2] + radii[2] - 3.0];
        nearest = band(p, &[lower, [0.0, -31.0, -24.0], [0.0, -26.5, -42.0]], [14.0, 2.5 * thick]);
        nearest = nearest.min(band(p, &[upper, [0.0, -30.0, 80.0], [0.0, -27.0, 130.0]], [17.0, 3.4 * thick]));
        let front = sub(p, centre);
        // The tendon's fibres run over the front of the patella.
        let over = (ellipsoid(p, centre, [radii[0], radii[1] + 1.6, radii[2] + 1.5])).max(front[1]);
        nearest = nearest.min(over);
    }
    if p[0] > 26.0 {
        nearest = nearest.min(slab(p, [[36.5, 8.0, 26.0], [40.0, 4.0, 0.0], [33.0, 2.0, -45.0]], [1.3, 6.5]));
    } else if p[0] < -24.0 {
        nearest = nearest.min(capsule(p, [-37.5, 8.0, 24.0], [-37.0, 20.0, -13.0], 1.9, 2.2));
        nearest = nearest.min(slab(p, [[-42.0, -12.0, 80.0], [-40.0, -14.0, 10.0], [-33.0, -17.0, -14.0]], [1.2, 7.0]));
    }
    mix(value, TENDON, cover(nearest, EDGE))
}

/// A band that is thin along the first axis and wide along the second.
fn slab(p: Point, path: [Point; 3], half: [f32; 2]) -> f32 {
    let swap = |q: Point| [q[1], q[0], q[2]];
    band(swap(p), &path.map(swap), [half[1], half[0]])
}

/// The posterior cruciate's course, over the bend that gives it its hockey-stick shape.
pub(super) const PCL: [Point; 5] =
    [[6.0, -1.0, 15.0], [5.0, 9.0, 17.5], [3.5, 18.0, 13.5], [1.5, 24.0, 3.0], [0.0, 27.0, -11.0]];

/// Muscle bellies: course and radius at either end.
pub(super) const MUSCLES: [(Point, Point, f32, f32); 11] = [
    ([30.0, -17.0, 50.0], [27.0, -14.0, 130.0], 13.0, 25.0), // vastus medialis
    ([-28.0, -18.0, 62.0], [-27.0, -14.0, 130.0], 11.0, 24.0), // vastus lateralis
    ([0.0, -24.0, 82.0], [0.0, -22.0, 130.0], 5.0, 14.0),    // vastus intermedius
    ([21.0, 45.0, -4.0], [19.0, 36.0, 130.0], 8.0, 19.0),    // semimembranosus
    ([43.0, 20.0, -10.0], [39.0, 22.0, 130.0], 7.5, 11.0),   // sartorius, gracilis
    ([-35.0, 33.0, 0.0], [-27.0, 34.0, 130.0], 8.5, 19.0),   // biceps femoris
    ([21.0, 36.0, 20.0], [20.0, 34.0, -110.0], 8.5, 23.0),   // gastrocnemius, inner head
    ([-20.0, 36.0, 18.0], [-21.0, 34.0, -110.0], 8.0, 21.0), // gastrocnemius, outer head
    ([-6.0, 28.0, -20.0], [14.0, 25.0, -60.0], 7.5, 11.0),   // popliteus
    ([-31.0, -3.0, -36.0], [-27.0, -4.0, -120.0], 9.0, 17.0), // tibialis anterior
    ([-22.0, 12.0, -50.0], [0.0, 30.0, -120.0], 8.0, 16.0),  // soleus
];

/// Popliteal artery and vein, saphenous vein, a genicular branch: course, radius, signal.
pub(super) const VESSELS: [(Point, Point, f32, f32); 4] = [
    ([1.0, 38.0, 130.0], [-1.0, 36.0, -130.0], 3.8, ARTERY),
    ([-5.0, 44.0, 130.0], [-4.0, 42.0, -130.0], 4.4, 250.0),
    ([44.0, 30.0, 130.0], [42.0, 22.0, -130.0], 2.2, 200.0),
    ([-12.0, 46.0, 130.0], [-14.0, 48.0, -130.0], 2.0, 480.0),
];
