//! The knee as solids, in millimetres about the middle of the joint line: first axis towards the inner (medial)
//! side, second backwards (posterior), third upwards.
//!
//! The signals imitate a proton-density image: fat and marrow bright, muscle grey, cortex, menisci and ligaments
//! dark, joint fluid brightest.

use super::courses::{MUSCLES, PCL, VESSELS, tendons};
use super::lesion::{Lesion, Side};
use super::shape::{Point, band, capsule, cover, cut, ellipsoid, join, mix};
use crate::demo::random::{Noise, Random};

/// Width of the ramp between two tissues.
pub(super) const EDGE: f32 = 0.9;

const AIR: f32 = 6.0;
const SKIN: f32 = 400.0;
const FAT: f32 = 790.0;
const DEEP_FAT: f32 = 730.0;
const MUSCLE: f32 = 330.0;
const MARROW: f32 = 610.0;
const CORTEX: f32 = 55.0;
const CARTILAGE: f32 = 480.0;
const FLUID: f32 = 860.0;
const MENISCUS: f32 = 85.0;
const LIGAMENT: f32 = 110.0;

/// One person's knee: the sizes that vary, and what is torn.
#[derive(Debug, Clone)]
pub struct Anatomy {
    condyle_radii: [Point; 2],
    notch: f32,
    plateau: Point,
    patella: Point,
    patella_centre: Point,
    meniscus_height: f32,
    meniscus_inner: f32,
    ligament: f32,
    fat_mm: f32,
    thigh: [f32; 2],
    effusion: f32,
    marrow: f32,
    muscle: f32,
    acl: [Point; 2],
    noise: Noise,
    /// The tears; none in an intact knee.
    pub lesions: Vec<Lesion>,
}

/// What lies near a small neighbourhood; see [`Anatomy::near`].
#[derive(Debug, Clone, Copy)]
#[expect(clippy::struct_excessive_bools, reason = "each says of one structure whether it is near")]
pub struct Near {
    air: bool,
    marrow: bool,
    /// The (negative) distance from the skin, where only its being large matters.
    depth: Option<f32>,
    femur: bool,
    tibia: bool,
    patella: bool,
    fibula: bool,
    joint: bool,
    muscles: u32,
    vessels: u32,
}

impl Near {
    /// Whether only air, marrow, fat and muscle are near, which vary slowly.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        let bone = self.femur || self.tibia || self.patella || self.fibula;
        self.air || self.marrow || (self.depth.is_some() && !bone && !self.joint && self.vessels == 0)
    }
}

/// Where the menisci sit: centre and outer radii in the plane of the joint, inner side first.
pub const MENISCI: [([f32; 2], [f32; 2]); 2] = [([21.5, 5.0], [16.5, 23.0]), ([-21.0, 4.0], [16.0, 19.5])];
/// Upper face of the tibial cartilage, on which the menisci lie.
pub const PLATEAU_TOP: f32 = -2.2;
const PLATEAU_BONE: f32 = -4.2;

impl Anatomy {
    /// The knee that belongs to a seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let mut random = Random::new(seed, 0x616e_6174);
        let mut vary = |value: f32, by: f32| value * random.range(1.0 - by, 1.0 + by);
        let condyle_radii = [
            [vary(14.5, 0.06), vary(29.0, 0.05), vary(21.5, 0.03)],
            [vary(14.8, 0.06), vary(28.0, 0.05), vary(21.0, 0.03)],
        ];
        Self {
            condyle_radii,
            notch: vary(9.5, 0.12),
            plateau: [vary(38.0, 0.04), vary(25.0, 0.06), 22.0],
            patella: [vary(20.0, 0.1), vary(9.5, 0.1), vary(20.0, 0.1)],
            patella_centre: [vary(-2.0, 0.9), vary(-41.5, 0.02), vary(32.0, 0.12)],
            meniscus_height: vary(7.6, 0.1),
            meniscus_inner: vary(0.46, 0.08),
            ligament: vary(1.0, 0.12),
            fat_mm: vary(7.5, 0.45),
            thigh: [vary(61.0, 0.05), vary(64.0, 0.05)],
            effusion: vary(1.0, 0.7),
            marrow: vary(MARROW, 0.07),
            muscle: vary(MUSCLE, 0.08),
            acl: [[vary(-7.5, 0.1), vary(17.0, 0.1), vary(19.0, 0.08)], [vary(3.0, 0.4), vary(-9.0, 0.15), -3.0]],
            noise: Noise::new(seed),
            lesions: Vec::new(),
        }
    }

    /// The two ends of the anterior cruciate ligament: at the femur, at the tibia.
    #[must_use]
    pub fn acl(&self) -> [Point; 2] {
        self.acl
    }

    /// What is worth looking at for points within `radius` millimetres of `p`.
    #[must_use]
    pub fn near(&self, p: Point, radius: f32) -> Near {
        // Distances are exact at surfaces only, and tissues reach up to 5 mm beyond the bone that they clothe.
        let reach = 1.4 * radius + 5.5;
        let skin = self.skin(p);
        let [femur, tibia, patella, fibula] =
            [self.femur(p), self.tibia(p), ellipsoid(p, self.patella_centre, self.patella), fibula(p)];
        let bones = femur.min(tibia).min(patella).min(fibula);
        let mask = |distances: &mut dyn Iterator<Item = f32>| {
            distances.enumerate().fold(0, |bits, (bit, distance)| bits | u32::from(distance < reach) << bit)
        };
        Near {
            air: skin > reach,
            marrow: bones < -2.2 - 1.6 * radius,
            depth: (skin < -self.fat_mm - 7.0 - reach).then_some(skin),
            femur: femur < reach,
            tibia: tibia < reach,
            patella: patella < reach,
            fibula: fibula < reach,
            joint: femur.min(tibia).min(patella) < reach + 5.0
                && p[0].abs() < 42.0 + radius
                && (-48.0 - radius..36.0 + radius).contains(&p[1])
                && (-12.0 - radius..74.0 + radius).contains(&p[2]),
            muscles: mask(&mut MUSCLES.iter().map(|(from, to, r0, r1)| capsule(p, *from, *to, *r0, *r1))),
            vessels: mask(&mut VESSELS.iter().map(|(from, to, radius, _)| capsule(p, *from, *to, *radius, *radius))),
        }
    }

    /// The signal at a point, with `near` of its neighbourhood.
    #[must_use]
    pub fn signal(&self, p: Point, near: &Near) -> f32 {
        if near.air {
            return AIR;
        }
        if near.marrow {
            return self.marrow(p);
        }
        let skin = near.depth.unwrap_or_else(|| self.skin(p));
        if skin > EDGE {
            return AIR;
        }
        let distance = |close: bool, distance: &dyn Fn() -> f32| if close { distance() } else { f32::MAX };
        let femur = distance(near.femur, &|| self.femur(p));
        let tibia = distance(near.tibia, &|| self.tibia(p));
        let patella = distance(near.patella, &|| ellipsoid(p, self.patella_centre, self.patella));
        let bone = femur.min(tibia).min(patella).min(distance(near.fibula, &|| fibula(p)));
        if bone < -2.2 {
            return self.marrow(p);
        }
        let mut value = self.soft_tissue(p, skin, bone, near);
        if near.joint && in_joint(p) {
            value = self.joint(p, value, femur, tibia, patella);
        }
        value = tendons(p, value, self.patella_centre, self.patella, self.ligament);
        if bone < EDGE {
            let inside = mix(CORTEX, self.marrow(p), cover(bone + 1.5, 1.0));
            value = mix(value, inside, cover(bone, EDGE));
        }
        mix(AIR, value, cover(skin, EDGE))
    }

    /// How deep a point lies in the substance of a meniscus, 0 outside, and its height above the plateau.
    #[must_use]
    pub fn meniscus(&self, p: Point, side: Side) -> f32 {
        let (centre, radii) = MENISCI[side as usize];
        let (u, v) = ((p[0] - centre[0]) / radii[0], (p[1] - centre[1]) / radii[1]);
        let rho = (u * u + v * v).sqrt();
        if !(0.2..1.2).contains(&rho) || p[2] < PLATEAU_TOP - 1.0 || p[2] > PLATEAU_TOP + 10.0 {
            return 0.0;
        }
        // Open towards the middle of the knee, where the roots are.
        let inwards = if centre[0] > 0.0 { -u } else { u } / rho.max(1e-3);
        let open = cover((inwards - if centre[0] > 0.0 { 0.72 } else { 0.86 }) * 15.0, 2.0);
        let scale = radii[0].min(radii[1]);
        let wedge = self.meniscus_height * (rho - self.meniscus_inner) / (1.0 - self.meniscus_inner);
        let top = (p[2] - PLATEAU_TOP - wedge) * 0.75;
        cover((rho - 1.0) * scale, EDGE) * cover(top, EDGE) * cover(PLATEAU_TOP - p[2], EDGE) * open
    }

    /// How much of a point belongs to the anterior cruciate ligament.
    #[must_use]
    pub fn anterior_cruciate(&self, p: Point) -> f32 {
        let [a, b] = self.acl;
        cover(capsule(p, a, b, 4.2 * self.ligament, 4.8 * self.ligament), EDGE)
    }

    fn marrow(&self, p: Point) -> f32 {
        let grain = self.noise.at(p[0] * 0.35, p[1] * 0.35, p[2] * 0.35) * 34.0
            + self.noise.at(p[0] * 0.9, p[1] * 0.9, p[2] * 0.6) * 26.0;
        // The old growth plate, a faint dark line, and red marrow towards the shaft.
        let plate = (p[2] - 33.0 - 0.004 * p[0] * p[0]).abs().min((p[2] + 19.0).abs());
        self.marrow + grain - 55.0 * cover(plate - 0.5, 1.6) - 70.0 * ((p[2].abs() - 40.0) / 30.0).clamp(0.0, 1.0)
    }

    fn skin(&self, p: Point) -> f32 {
        let taper = if p[2] > 0.0 { 1.0 + 0.0016 * p[2] } else { 1.0 + 0.0022 * p[2] };
        let calf = (p[2] + 20.0).min(0.0) * 0.06;
        let radii = [self.thigh[0] * taper - 3.0, self.thigh[1] * taper - 3.0];
        let (u, v) = (p[0] / radii[0], (p[1] - 3.0 + calf) / radii[1]);
        let round = ((u * u + v * v).sqrt() - 1.0) * radii[0].min(radii[1]);
        let kneecap = ellipsoid(p, self.patella_centre, [33.0, 22.0, 34.0]);
        join(round, kneecap, 14.0)
    }

    fn femur(&self, p: Point) -> f32 {
        if p[2] < -4.0 {
            return 4.0 - p[2];
        }
        let shaft = capsule(p, [0.0, 0.0, 55.0], [0.0, -3.0, 120.0], 19.0, 14.5);
        if p[2] > 72.0 {
            return shaft;
        }
        let medial = ellipsoid(p, [22.0, 7.0, 23.0], self.condyle_radii[0]);
        let lateral = ellipsoid(p, [-22.0, 5.0, 22.5], self.condyle_radii[1]);
        let body = ellipsoid(p, [0.0, -3.0, 37.0], [34.0, 24.0, 20.0]);
        let trochlea = ellipsoid(p, [0.0, -13.0, 27.0], [26.0, 15.5, 21.0]);
        let all = join(join(medial, lateral, 4.0), join(body, trochlea, 8.0), 9.0);
        let all = join(all, shaft, 16.0);
        let notch = ellipsoid(p, [0.0, 22.0, 7.0], [self.notch, 27.0, 20.0]);
        let groove = capsule(p, [0.0, -38.0, 8.0], [0.0, -37.0, 60.0], 9.5, 9.5);
        cut(cut(all, notch, 4.0), groove, 7.0)
    }

    fn tibia(&self, p: Point) -> f32 {
        if p[2] > 8.0 {
            return p[2] - 4.0;
        }
        let shaft = capsule(p, [0.0, 3.0, -45.0], [0.0, 8.0, -130.0], 19.0, 13.5);
        if p[2] < -65.0 {
            return shaft;
        }
        let [a, b, c] = self.plateau;
        let head = ellipsoid(p, [0.0, 4.0, -14.0], [a, b, c]);
        let slope = 0.02 * (p[1] - 4.0) + 0.0012 * p[0].abs().min(30.0);
        let top = p[2] - PLATEAU_BONE + slope;
        let head = -join(-head, -top, 3.0);
        let spines =
            ellipsoid(p, [6.0, 7.0, -3.5], [3.6, 8.0, 6.5]).min(ellipsoid(p, [-5.0, 8.0, -3.5], [3.4, 7.0, 5.5]));
        let tuberosity = ellipsoid(p, [0.0, -20.0, -34.0], [11.0, 8.0, 14.0]);
        join(join(join(head, shaft, 18.0), tuberosity, 9.0), spines, 4.0)
    }

    fn soft_tissue(&self, p: Point, skin: f32, bone: f32, near: &Near) -> f32 {
        let depth = -skin;
        let lobes = self.noise.at(p[0] * 0.16, p[1] * 0.16, p[2] * 0.16);
        let fascia = depth - self.fat_mm - 2.5 * lobes - if p[1] > 10.0 { 2.0 } else { 0.0 };
        let septa = cover(self.noise.at(p[0] * 0.22, p[1] * 0.22, p[2] * 0.11).abs() * 9.0 - 0.2, 1.0);
        let fat = FAT + 45.0 * lobes - 170.0 * septa;
        if fascia < -1.0 {
            return mix(fat, SKIN, cover(depth - 1.7, 1.0));
        }
        let deep = DEEP_FAT + 60.0 * lobes - 150.0 * septa;
        let mut value = deep;
        let fibres = self.noise.at(p[0] * 0.55, p[1] * 0.55, p[2] * 0.07);
        let muscle = self.muscle
            + 45.0 * fibres
            + 40.0 * lobes
            + 330.0 * cover((fibres - 0.05).abs() * 12.0 - 0.1, 0.9) * cover((lobes - 0.1) * 4.0, 1.0);
        if near.muscles != 0 {
            value = mix(value, muscle, cover(self.muscles(p, near), EDGE));
        }
        for (from, to, radius, signal) in listed(&VESSELS, near.vessels) {
            let wall = capsule(p, *from, *to, *radius, radius * 0.9);
            if wall < 2.0 {
                value = mix(value, mix(430.0, *signal, cover(wall + 1.0, 1.0)), cover(wall, EDGE));
            }
        }
        // Periosteal film and the fascia's thin dark line.
        value = mix(value, 260.0, 0.5 * cover((bone - 0.6).abs() - 0.3, 0.8));
        mix(value, 170.0, 0.75 * cover(fascia.abs() - 0.35, 0.8))
    }

    fn muscles(&self, p: Point, near: &Near) -> f32 {
        let mut nearest = f32::MAX;
        for (from, to, r0, r1) in listed(&MUSCLES, near.muscles) {
            // A dark septum stays between two bellies that touch.
            let belly = capsule(p, *from, *to, *r0, *r1);
            nearest = if (belly - nearest).abs() < 1.2 { belly.max(nearest) } else { belly.min(nearest) };
        }
        let wobble = 1.6 * self.noise.at(p[0] * 0.12, p[1] * 0.12, p[2] * 0.05);
        nearest + wobble
    }

    /// Cartilage, fluid, menisci and cruciate ligaments, over what is there already.
    fn joint(&self, p: Point, mut value: f32, femur: f32, tibia: f32, patella: f32) -> f32 {
        let capsule_wall = ellipsoid(p, [0.0, 3.0, 4.0], [39.0, 33.0, 16.0]);
        let film = femur.min(tibia) - 2.6 - 0.9 * self.effusion;
        let between = cover(film, 1.4) * cover(capsule_wall, 3.0) * cover(8.0 - p[0].abs(), 4.0);
        value = mix(value, 680.0, between);
        // Synovium and fat in the notch; fluid behind the patella and in the bursa above it.
        let notch = ellipsoid(p, [0.0, 12.0, 6.0], [9.5, 22.0, 15.0]);
        value = mix(value, 560.0, 0.8 * cover(notch, 2.0));
        let bursa = ellipsoid(p, [0.0, -30.0, 56.0], [17.0, 1.2 + 2.2 * self.effusion, 15.0]);
        let retro = ellipsoid(p, [0.0, -32.5, 33.0], [17.0, 1.0 + 1.0 * self.effusion, 16.0]);
        value = mix(value, FLUID, cover(bursa.min(retro), 1.0));

        value = self.cruciates(p, value);
        for side in [Side::Medial, Side::Lateral] {
            let share = self.meniscus(p, side);
            if share > 0.0 {
                let grain = 25.0 * self.noise.at(p[0] * 0.4, p[1] * 0.4, p[2] * 0.4);
                let torn = self.lesions.iter().map(|lesion| lesion.share(p, Some(side))).fold(0.0, f32::max);
                value = mix(value, mix(MENISCUS + grain, FLUID - 40.0, torn), share);
            }
        }
        let cartilage = CARTILAGE + 35.0 * self.noise.at(p[0] * 0.5, p[1] * 0.5, p[2] * 0.5);
        let weight_bearing = cover(p[2] - 30.0, 6.0).max(cover(p[1] + 9.0, 4.0) * cover(p[2] - 48.0, 4.0));
        let in_notch = cover(p[0].abs() - 7.0, 2.0) * cover(-8.0 - p[1], 4.0);
        value = mix(value, cartilage, cover(femur - 2.3, EDGE) * weight_bearing * (1.0 - in_notch));
        let on_plateau = cover(9.0 - p[0].abs(), 3.0) * cover(p[0].abs() - 35.0, 3.0) * cover(-7.0 - p[2], 2.0);
        value = mix(value, cartilage, cover(tibia - 2.0, EDGE) * on_plateau);
        let behind = cover(self.patella_centre[1] + 2.0 - p[1], 3.0);
        mix(value, cartilage, cover(patella - 2.6, EDGE) * behind)
    }

    fn cruciates(&self, p: Point, mut value: f32) -> f32 {
        if p[0].abs() > 16.0 {
            return value;
        }
        let thick = self.ligament;
        let fibres = self.noise.at(p[0] * 0.9, p[1] * 0.5 + p[2] * 0.35, p[2] * 0.3);
        let posterior = band(p, &PCL, [5.0 * thick, 3.6 * thick]);
        value = mix(value, LIGAMENT - 20.0 + 20.0 * fibres, cover(posterior, EDGE));
        let anterior = self.anterior_cruciate(p);
        if anterior > 0.0 {
            let torn = self.lesions.iter().map(|lesion| lesion.share(p, None)).fold(0.0, f32::max);
            let frayed = FLUID - 110.0 + 130.0 * fibres;
            value = mix(value, mix(LIGAMENT + 70.0 + 80.0 * fibres, frayed, torn), anterior);
        }
        value
    }
}

/// The entries whose bit is set.
fn listed<T>(table: &[T], bits: u32) -> impl Iterator<Item = &T> {
    table.iter().enumerate().filter_map(move |(bit, entry)| (bits >> bit & 1 == 1).then_some(entry))
}

fn in_joint(p: Point) -> bool {
    p[0].abs() < 42.0 && (-48.0..36.0).contains(&p[1]) && (-12.0..74.0).contains(&p[2])
}

fn fibula(p: Point) -> f32 {
    if p[0] > -10.0 || p[2] > 4.0 {
        return 10.0;
    }
    let head = ellipsoid(p, [-34.0, 20.0, -20.0], [8.5, 9.5, 10.5]);
    join(head, capsule(p, [-34.0, 20.0, -26.0], [-31.0, 19.0, -130.0], 6.5, 5.5), 6.0)
}
