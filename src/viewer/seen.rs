//! What the strongest channels of a layer have seen, as pictures side by side.

use egui::{Color32, ColorImage};

use super::paint::Channel;
use super::textures::Atlas;
use crate::engine::FeatureGrid;
use crate::explain::FeatureMap;

/// The longest side of a picture in the grid, in texels.
const CELL_TEXELS: usize = 112;

/// The pictures in a grid, each on its own scale: grey is nothing, brighter is more, darker is less.
#[must_use]
pub fn atlas(grid: &FeatureGrid, max_side: usize) -> (ColorImage, Atlas) {
    let [rows, columns] = grid.fit.input.map(|side| side.max(1));
    let step = rows.max(columns).div_ceil(CELL_TEXELS);
    let (width, height) = (columns.div_ceil(step), rows.div_ceil(step));
    let pitch = [width + 1, height + 1];
    let count = grid.maps.len().max(1);
    let cells_across = ((count as f32).sqrt().ceil() as usize).clamp(1, (max_side / pitch[0]).max(1));
    let size = [cells_across * pitch[0], count.div_ceil(cells_across) * pitch[1]];
    let mut pixels = vec![Color32::BLACK; size[0] * size[1]];
    for (index, map) in grid.maps.iter().enumerate() {
        let corner = [(index % cells_across) * pitch[0], (index / cells_across) * pitch[1]];
        let cell = cell(map, [height, width], step);
        for (row, line) in cell.chunks_exact(width).enumerate() {
            let start = (corner[1] + row) * size[0] + corner[0];
            for (pixel, level) in pixels[start..start + width].iter_mut().zip(line) {
                *pixel = Color32::from_gray(*level);
            }
        }
    }
    let channels = grid.maps.iter().map(|map| {
        let (min, max) = map.picture.min_max();
        Channel { index: map.channel, unit: Some((map.unit, map.activation)), min, max, mean: 0.0, spread: None }
    });
    let atlas = Atlas { channels: channels.collect(), cells_across, cell_texels: [width, height], pitch_texels: pitch };
    (ColorImage::new(size, pixels), atlas)
}

/// The sum over the colours, averaged over squares of `step` pixels, around a middle grey.
fn cell(map: &FeatureMap, [height, width]: [usize; 2], step: usize) -> Vec<u8> {
    let picture = &map.picture;
    let plane = picture.rows * picture.columns;
    let mut sums = vec![0.0_f32; width * height];
    for channel in picture.values.chunks_exact(plane.max(1)) {
        for (row, line) in channel.chunks_exact(picture.columns.max(1)).enumerate() {
            for (column, value) in line.iter().enumerate() {
                if let Some(sum) = sums.get_mut(row / step * width + column / step) {
                    *sum += value;
                }
            }
        }
    }
    let most = sums.iter().fold(0.0_f32, |most, value| most.max(value.abs()));
    let scale = if most > 0.0 { 127.0 / most } else { 0.0 };
    sums.into_iter().map(|value| (128.0 + value * scale) as u8).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::explain::{Attribution, Reading};
    use crate::model::Fit;

    #[test]
    fn pictures_are_grey_where_nothing_came_back_and_as_bright_as_their_strongest_place() {
        let map = |channel, values: [f32; 4]| FeatureMap {
            channel,
            unit: (0, 1),
            activation: 2.5,
            picture: Attribution {
                reading: Reading::Magnitude,
                channels: 1,
                rows: 2,
                columns: 2,
                values: values.to_vec(),
                ..Attribution::default()
            },
        };
        let fit = Fit { slice: [2, 2], input: [2, 2], resized: [2, 2], shift: [0, 0] };
        let maps = vec![map(7, [0.0, 4.0, -2.0, 0.0]), map(3, [0.0; 4])];
        let (image, atlas) = atlas(&FeatureGrid { maps, fit }, 64);
        let at = |x: usize, y: usize| image.pixels[y * image.size[0] + x].r();
        assert_eq!([at(0, 0), at(1, 0), at(0, 1), at(1, 1)], [128, 255, 64, 128]);
        assert_eq!([at(3, 0), at(4, 1)], [128, 128], "nothing came back");
        assert_eq!((atlas.channels[0].index, atlas.channels[0].unit), (7, Some(((0, 1), 2.5))));
    }
}
