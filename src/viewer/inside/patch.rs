//! What a unit sees of an image, cut out of it.

use egui::Rect;

use crate::display::Picture;

/// A patch (`x0, y0, x1, y1`, the centre of the first pixel being 0, 0) from the upper left corner of the image on.
#[must_use]
pub fn from_corner([x0, y0, x1, y1]: [f32; 4]) -> Rect {
    Rect::from_min_max(egui::pos2(x0 + 0.5, y0 + 0.5), egui::pos2(x1 + 0.5, y1 + 0.5))
}

/// The pixels of a patch as the eye is to see them (red, green, blue, alpha), with their width and height; at least
/// one pixel.
#[must_use]
pub fn cut(picture: &Picture, patch: [f32; 4]) -> (Vec<u8>, [usize; 2]) {
    let rgba = picture.rgba8(Some(&picture.default_voi()), false);
    let area = from_corner(patch);
    let [columns, rows] = [picture.columns, picture.rows];
    let range = |low: f32, high: f32, count: usize| {
        // Half a pixel is seen with the whole pixel.
        let first = (low.max(0.0).floor() as usize).min(count.saturating_sub(1));
        let end = (high.max(0.0).ceil() as usize).min(count);
        first..end.max(first + 1).min(count)
    };
    let (across, down) = (range(area.left(), area.right(), columns), range(area.top(), area.bottom(), rows));
    let size = [across.len(), down.len()];
    let row = |y: usize| rgba.get((y * columns + across.start) * 4..(y * columns + across.end) * 4).unwrap_or(&[]);
    (down.flat_map(row).copied().collect(), size)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::display::PictureKind;

    fn picture() -> Picture {
        let pixels: Vec<u8> = (0..4 * 3).flat_map(|at| [at * 10, 0, 0]).collect();
        Picture::new(3, 4, PictureKind::Rgb { pixels })
    }

    #[test]
    fn a_patch_is_cut_out_pixel_by_pixel() {
        let reds = |patch| {
            let (rgba, size) = cut(&picture(), patch);
            (rgba.chunks(4).map(|pixel| pixel[0] / 10).collect::<Vec<_>>(), size)
        };
        assert_eq!(reds([0.5, -0.5, 2.5, 1.5]), (vec![1, 2, 5, 6], [2, 2]));
        assert_eq!(reds([-0.5, -0.5, 3.5, 2.5]).1, [4, 3]);
        assert_eq!(reds([3.1, 2.1, 3.2, 2.2]), (vec![11], [1, 1]), "smaller than a pixel");
        assert_eq!(reds([9.0, 9.0, 20.0, 20.0]).1, [1, 1], "outside");
    }
}
