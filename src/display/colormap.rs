//! Colour maps, and maps laid over images with them.

use super::colormap_tables as tables;

/// A named way from 0..1 to a colour.
#[derive(Debug)]
pub struct Colormap {
    /// Name for settings and the command line.
    pub name: &'static str,
    /// Name for people.
    pub label: &'static str,
    /// One sentence on what it is good for.
    pub note: &'static str,
    /// Whether 0.5 stands for zero, with negative values below and positive above.
    pub diverging: bool,
    /// Grey needs no table.
    table: Option<&'static tables::Table>,
}

/// All colour maps; the first is the default.
pub static COLORMAPS: &[Colormap] = &[
    Colormap {
        name: "viridis",
        label: "Viridis",
        note: "Perceptually uniform, and readable with colour blindness.",
        diverging: false,
        table: Some(&tables::VIRIDIS),
    },
    Colormap {
        name: "inferno",
        label: "Inferno",
        note: "Perceptually uniform from black over red to yellow.",
        diverging: false,
        table: Some(&tables::INFERNO),
    },
    Colormap {
        name: "magma",
        label: "Magma",
        note: "Perceptually uniform from black over purple to a pale yellow.",
        diverging: false,
        table: Some(&tables::MAGMA),
    },
    Colormap {
        name: "cividis",
        label: "Cividis",
        note: "Perceptually uniform and nearly the same with red-green colour blindness.",
        diverging: false,
        table: Some(&tables::CIVIDIS),
    },
    Colormap {
        name: "turbo",
        label: "Turbo",
        note: "A rainbow without jet's false edges; not uniform.",
        diverging: false,
        table: Some(&tables::TURBO),
    },
    Colormap {
        name: "jet",
        label: "Jet",
        note: "What most papers use; it shows edges where there are none.",
        diverging: false,
        table: Some(&tables::JET),
    },
    Colormap {
        name: "hot",
        label: "Hot",
        note: "Black over red and yellow to white, as in nuclear medicine.",
        diverging: false,
        table: Some(&tables::HOT),
    },
    Colormap { name: "grey", label: "Grey", note: "Black to white.", diverging: false, table: None },
    Colormap {
        name: "coolwarm",
        label: "Cool–warm",
        note: "For signed maps: blue is against, grey is nothing, red is for.",
        diverging: true,
        table: Some(&tables::COOLWARM),
    },
    Colormap {
        name: "rdbu",
        label: "Red–blue",
        note: "For signed maps: blue is against, white is nothing, red is for.",
        diverging: true,
        table: Some(&tables::RDBU),
    },
];

impl Colormap {
    /// The map of a name, whatever its case.
    #[must_use]
    pub fn find(name: &str) -> Option<&'static Self> {
        COLORMAPS.iter().find(|map| map.name.eq_ignore_ascii_case(name))
    }

    /// The colours that maps have unless others are chosen; those with a sign have diverging ones.
    #[must_use]
    pub fn default_of(signed: bool) -> &'static Self {
        COLORMAPS.iter().find(|map| map.diverging == signed).unwrap_or(&COLORMAPS[0])
    }

    /// The colour of `x`, which is held to 0..=1; what is not a number has the first colour. The range is cut into
    /// 256 equal parts of one colour each, as matplotlib does.
    #[must_use]
    pub fn rgb(&self, x: f32) -> [u8; 3] {
        let index = part(x);
        match self.table {
            Some(table) => [table[index * 3], table[index * 3 + 1], table[index * 3 + 2]],
            None => [index as u8; 3],
        }
    }
}

impl PartialEq for Colormap {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Colormap {}

/// How a map is laid over an image.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Blend {
    /// Its colours.
    pub colormap: &'static Colormap,
    /// 0 (not seen) to 1 (hides the image).
    pub opacity: f32,
    /// Map values below are not drawn; 0 to 1. For diverging colour maps it is the distance from zero that counts,
    /// `|2x − 1|`.
    pub threshold: f32,
}

/// Lays a map (0..1, one value a pixel) over an image (red, green, blue, alpha a pixel; alpha stays as it is).
///
/// Where a value is below the threshold or not a number, and beyond the end of the shorter one, the image stays.
/// With a diverging colour map zero is transparent, and the opacity is full from half of the scale on: what says
/// nothing must not veil the image.
pub fn overlay(base_rgba: &mut [u8], map: &[f32], blend: &Blend) {
    // In 256ths: each colour's share of the result (with the half that rounds), and the image's.
    let colours: Vec<([u32; 3], u32)> = (0..256_u16)
        .map(|index| {
            let veil = if blend.colormap.diverging { veil(f32::from(index)) } else { 1.0 };
            let opacity = (blend.opacity.clamp(0.0, 1.0) * veil * 256.0).round() as u32;
            (blend.colormap.rgb(f32::from(index) / 256.0).map(|c| u32::from(c) * opacity + 128), 256 - opacity)
        })
        .collect();
    for (pixel, &value) in base_rgba.chunks_exact_mut(4).zip(map) {
        let strength = if blend.colormap.diverging { (2.0 * value - 1.0).abs() } else { value };
        if strength >= blend.threshold {
            let (colour, rest) = &colours[part(value)];
            for (shown, share) in pixel.iter_mut().zip(colour) {
                *shown = ((u32::from(*shown) * rest + share) >> 8) as u8;
            }
        }
    }
}

/// The part of the opacity that the `index`th 256th of a diverging scale has.
fn veil(index: f32) -> f32 {
    // The two middle parts are zero.
    let strength = ((index - 127.5).abs() - 0.5) / 127.0;
    (2.0 * strength).min(1.0)
}

/// Which 256th of 0..=1 a value is in.
fn part(x: f32) -> usize {
    // The cast saturates at both ends and turns what is not a number to 0.
    ((x * 256.0) as usize).min(255)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_matplotlibs() {
        let at = |name: &str| [0.0, 0.25, 0.5, 1.0].map(|x| Colormap::find(name).unwrap().rgb(x));
        assert_eq!(at("viridis"), [[68, 1, 84], [58, 82, 139], [32, 144, 140], [253, 231, 36]]);
        assert_eq!(at("jet"), [[0, 0, 127], [0, 128, 255], [124, 255, 121], [127, 0, 0]]);
        assert_eq!(at("coolwarm"), [[58, 76, 192], [141, 175, 253], [221, 220, 219], [179, 3, 38]]);
        assert_eq!(at("grey"), [[0; 3], [64; 3], [128; 3], [255; 3]]);
    }

    #[test]
    fn names_are_found_once() {
        for map in COLORMAPS {
            assert_eq!(Colormap::find(&map.name.to_uppercase()), Some(map));
            assert_eq!(map.rgb(-1.0), map.rgb(0.0));
            assert_eq!(map.rgb(7.0), map.rgb(1.0));
            assert_eq!(map.rgb(f32::NAN), map.rgb(0.0));
        }
        assert_eq!(COLORMAPS[0].name, "viridis");
        assert!(Colormap::find("rainbow").is_none());
    }

    #[test]
    fn blending_by_hand() {
        let mut image = [100, 100, 100, 255, 100, 100, 100, 255, 100, 100, 100, 255];
        let blend = Blend { colormap: Colormap::find("grey").unwrap(), opacity: 0.25, threshold: 0.5 };
        overlay(&mut image, &[1.0, 0.4, f32::NAN], &blend);
        // 100 · 0.75 + 255 · 0.25 = 138.75
        assert_eq!(image, [139, 139, 139, 255, 100, 100, 100, 255, 100, 100, 100, 255]);
    }

    #[test]
    fn diverging_maps_leave_out_the_middle() {
        let mut image = [0, 0, 0, 255, 0, 0, 0, 255, 0, 0, 0, 255];
        let colormap = Colormap::find("coolwarm").unwrap();
        overlay(&mut image, &[0.0, 0.45, 1.0], &Blend { colormap, opacity: 1.0, threshold: 0.2 });
        assert_eq!(image[..3], colormap.rgb(0.0));
        assert_eq!(image[4..7], [0, 0, 0]);
        assert_eq!(image[8..11], colormap.rgb(1.0));
    }

    #[test]
    fn zero_is_transparent_and_half_of_the_scale_opaque() {
        let colormap = Colormap::default_of(true);
        assert!(colormap.diverging && !Colormap::default_of(false).diverging);
        let mut image = [90, 90, 90, 255].repeat(4);
        overlay(&mut image, &[0.5, 0.49999, 0.625, 0.76], &Blend { colormap, opacity: 1.0, threshold: 0.0 });
        assert_eq!(image[..8], [90, 90, 90, 255, 90, 90, 90, 255]);
        let (full, shown) = (colormap.rgb(0.625), &image[8..11]);
        for (full, shown) in full.iter().zip(shown) {
            let half = i32::midpoint(i32::from(*full), 90);
            assert!((i32::from(*shown) - half).abs() <= 2, "{shown} is half of the colour {full}");
        }
        assert_eq!(image[12..15], colormap.rgb(0.76));
    }
}
