//! Maps of several layers as one.

use super::{Attribution, Reading, bilinear};

/// The mean of the maps of one class at several layers, on the grid of the finest, each first scaled to its own
/// greatest magnitude, so that no layer drowns the others: as pytorch-grad-cam does with several target layers, where
/// the negative part of a [`Reading::Positive`] map is 0. `None` without a map.
#[must_use]
pub fn fuse(maps: &[Attribution]) -> Option<Attribution> {
    let first = maps.first()?;
    let (rows, columns) = maps.iter().map(|map| (map.rows, map.columns)).max()?;
    let mut sum = vec![0.0_f32; rows * columns];
    for map in maps {
        let mut plane = map.plane();
        if map.reading == Reading::Positive {
            for value in &mut plane {
                *value = value.max(0.0);
            }
        }
        let most = plane.iter().fold(0.0_f32, |most, value| most.max(value.abs()));
        let scale = if most > 0.0 { 1.0 / (most * maps.len() as f32) } else { 0.0 };
        for (total, value) in sum.iter_mut().zip(bilinear(&plane, [map.rows, map.columns], [rows, columns])) {
            *total += value * scale;
        }
    }
    let layers: Vec<&str> = maps.iter().filter_map(|map| map.layer.as_deref()).collect();
    Some(Attribution {
        method: first.method,
        reading: if first.reading == Reading::Signed { Reading::Signed } else { Reading::Positive },
        layer: (!layers.is_empty()).then(|| layers.join(" + ")),
        class: first.class,
        channels: 1,
        rows,
        columns,
        values: sum,
        ..Attribution::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_layer_counts_the_same_whatever_its_scale() {
        let map = |values: &[f32], layer: &str| Attribution {
            layer: Some(layer.to_owned()),
            channels: 1,
            rows: 1,
            columns: values.len(),
            values: values.to_vec(),
            ..Attribution::default()
        };
        let fused = fuse(&[map(&[0.0, 100.0], "a"), map(&[0.5, -3.0], "b")]).unwrap();
        assert_eq!(fused.values, [0.5, 0.5]);
        assert_eq!(fused.layer.as_deref(), Some("a + b"));
        assert_eq!(fuse(&[map(&[0.0; 2], "a")]).unwrap().values, [0.0; 2]);
        assert!(fuse(&[]).is_none());
    }
}
