//! The files that one map becomes.

use std::path::{Path, PathBuf};

use glassbox::display::{Blend, COLORMAPS, Picture, overlay};
use glassbox::engine::MapResult;
use glassbox::export::{ExportError, MapRecord, npy, png};

/// Opacity of the overlay pictures.
const OPACITY: f32 = 0.5;

/// Writes into one folder. File names hold no patient data: series and slice by number, method, layer, class.
pub struct Outputs {
    folder: PathBuf,
}

impl Outputs {
    /// Writes into `folder`, which exists.
    pub fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }

    /// Writes the raw map, the map as it is shown and the overlay; gives their record.
    pub fn map(&self, stem: &str, result: &MapResult, picture: &Picture) -> Result<MapRecord, ExportError> {
        let map = &result.attribution;
        let layer = map.layer.as_deref().map(|layer| format!("_{}", file_safe(layer))).unwrap_or_default();
        let name = format!("{stem}_{}{layer}_class{}", map.method, map.class);
        let (raw, shown, over) = (format!("{name}.npy"), format!("{name}.shown.npy"), format!("{name}.png"));

        let raw_shape: &[usize] =
            if map.channels == 1 { &[map.rows, map.columns] } else { &[map.channels, map.rows, map.columns] };
        npy::write(&self.folder.join(&raw), raw_shape, &map.values)?;
        let [rows, columns] = result.fit.input;
        let on_input = map.shown(rows, columns);
        npy::write(&self.folder.join(&shown), &[rows, columns], &on_input)?;

        let on_slice = result.fit.map_to_slice(&on_input, rows, columns, picture.rows, picture.columns);
        let mut rgba = picture.rgba8(None, false);
        overlay(&mut rgba, &on_slice, &Blend { colormap: &COLORMAPS[0], opacity: OPACITY, threshold: 0.0 });
        let (min, max) = map.min_max();
        let (row, column) = map.peak();
        let record = MapRecord {
            method: map.method.to_owned(),
            layer: map.layer.clone(),
            class: map.class,
            raw,
            shown,
            overlay: over.clone(),
            min,
            max,
            peak: [row, column],
        };
        let provenance = [("Software".to_owned(), format!("glassbox {}", env!("CARGO_PKG_VERSION")))];
        png::write(&self.folder.join(&over), &rgba, picture.columns, picture.rows, &provenance)?;
        Ok(record)
    }
}

/// Layer names keep their letters, digits, dots and underscores; everything else could be a path.
fn file_safe(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-') { c } else { '-' }).collect()
}
