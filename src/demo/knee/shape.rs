//! Signed distances in millimetres (negative inside) of the solids that the knee is put together from.

/// A point or direction, in millimetres.
pub type Point = [f32; 3];

/// `a − b`.
#[must_use]
pub fn sub(a: Point, b: Point) -> Point {
    [a[0] - b[0], a[1] - b[1], a[2] - b[2]]
}

/// The scalar product.
#[must_use]
pub fn dot(a: Point, b: Point) -> f32 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

/// The length of a vector.
#[must_use]
pub fn length(a: Point) -> f32 {
    dot(a, a).sqrt()
}

/// Distance to an ellipsoid: exact at the surface, good near it.
#[must_use]
pub fn ellipsoid(p: Point, centre: Point, radii: Point) -> f32 {
    let q = sub(p, centre);
    let scaled = [q[0] / radii[0], q[1] / radii[1], q[2] / radii[2]];
    let twice = [scaled[0] / radii[0], scaled[1] / radii[1], scaled[2] / radii[2]];
    let (k0, k1) = (length(scaled), length(twice));
    if k1 < 1e-9 { -radii[0].min(radii[1]).min(radii[2]) } else { k0 * (k0 - 1.0) / k1 }
}

/// Distance to a capsule whose radius runs from `r0` to `r1`.
#[must_use]
pub fn capsule(p: Point, a: Point, b: Point, r0: f32, r1: f32) -> f32 {
    let (pa, ba) = (sub(p, a), sub(b, a));
    let t = (dot(pa, ba) / dot(ba, ba)).clamp(0.0, 1.0);
    length([pa[0] - ba[0] * t, pa[1] - ba[1] * t, pa[2] - ba[2] * t]) - (r0 + (r1 - r0) * t)
}

/// A flat band along a polyline: `half` are its half widths across, in x and in the direction at right angles to x
/// and to the band.
#[must_use]
pub fn band(p: Point, path: &[Point], half: [f32; 2]) -> f32 {
    let mut best = f32::MAX;
    for pair in path.windows(2) {
        let (pa, ba) = (sub(p, pair[0]), sub(pair[1], pair[0]));
        let t = (dot(pa, ba) / dot(ba, ba)).clamp(0.0, 1.0);
        let off = [pa[0] - ba[0] * t, pa[1] - ba[1] * t, pa[2] - ba[2] * t];
        let (u, v) = (off[0] / half[0], (off[1] * off[1] + off[2] * off[2]).sqrt() / half[1]);
        best = best.min(((u * u + v * v).sqrt() - 1.0) * half[0].min(half[1]));
    }
    best
}

/// The union of two solids, rounded over `k` millimetres where they meet.
#[must_use]
pub fn join(a: f32, b: f32, k: f32) -> f32 {
    let h = (k - (a - b).abs()).max(0.0) / k;
    a.min(b) - h * h * k * 0.25
}

/// `a` without `b`, rounded over `k` millimetres.
#[must_use]
pub fn cut(a: f32, b: f32, k: f32) -> f32 {
    -join(-a, b, k)
}

/// How much of a pixel a solid covers whose surface is `distance` away: 1 inside, 0 outside, a ramp of `width`
/// millimetres between (the partial volume of a slice).
#[must_use]
pub fn cover(distance: f32, width: f32) -> f32 {
    (0.5 - distance / width).clamp(0.0, 1.0)
}

/// From `a` (share 0) to `b` (share 1).
#[must_use]
pub fn mix(a: f32, b: f32, share: f32) -> f32 {
    a + (b - a) * share
}
