//! The files that one map becomes.

use std::path::{Path, PathBuf};

use glassbox::display::{Blend, Colormap, Picture, overlay};
use glassbox::engine::{MapResult, Recipe, UncertaintyResult};
use glassbox::explain::{self, Reading, Subject};
use glassbox::export::{ExportError, MapRecord, SegmentsRecord, npy, png};

use super::super::methods::value_json;

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

    /// Writes the probabilities of each pass, passes × classes; gives the file's name.
    pub fn draws(&self, stem: &str, result: &UncertaintyResult) -> Result<String, ExportError> {
        let name = format!("{stem}_draws.npy");
        let shape = [result.passes, result.probabilities.len() / result.passes.max(1)];
        npy::write(&self.folder.join(&name), &shape, &result.probabilities)?;
        Ok(name)
    }

    /// Writes the raw map, the map as it is shown and the overlay; gives their record.
    pub fn map(
        &self,
        stem: &str,
        recipe: &Recipe,
        result: &MapResult,
        picture: &Picture,
    ) -> Result<MapRecord, ExportError> {
        let map = &result.attribution;
        let layer = map.layer.as_deref().map(|layer| format!("_{}", file_safe(layer))).unwrap_or_default();
        let against = recipe.against.map(|other| format!("_minus{other}")).unwrap_or_default();
        let subject = match recipe.subject {
            Subject::Class => String::new(),
            other => format!("_{}", other.name()),
        };
        let name = format!("{stem}_{}{layer}_class{}{against}{subject}", map.method, map.class);
        let (raw, shown, over) = (format!("{name}.npy"), format!("{name}.shown.npy"), format!("{name}.png"));

        let raw_shape: &[usize] =
            if map.channels == 1 { &[map.rows, map.columns] } else { &[map.channels, map.rows, map.columns] };
        npy::write(&self.folder.join(&raw), raw_shape, &map.values)?;
        let [rows, columns] = result.fit.input;
        let on_input = map.shown(rows, columns);
        npy::write(&self.folder.join(&shown), &[rows, columns], &on_input)?;
        let segments = map.segments.as_ref().map(|segments| {
            let labels = format!("{name}.segments.npy");
            npy::write(&self.folder.join(&labels), &[map.rows, map.columns], &segments.labels)?;
            Ok::<_, ExportError>(SegmentsRecord { labels, weights: segments.weights.clone() })
        });

        let on_slice = result.fit.map_to_slice(&on_input, rows, columns, picture.rows, picture.columns);
        let mut rgba = picture.rgba8(None, false);
        let colormap = Colormap::default_of(map.reading == Reading::Signed);
        overlay(&mut rgba, &on_slice, &Blend { colormap, opacity: OPACITY, threshold: 0.0 });
        let (min, max) = map.min_max();
        let (row, column) = map.peak();
        let method = explain::find(recipe.method);
        let passes = recipe.subject.passes();
        let settings = method.map_or(&[][..], |method| method.parameters()).iter();
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
            reading: map.reading.name().to_owned(),
            against: recipe.against,
            settings: settings
                .map(|parameter| (parameter.name.to_owned(), value_json(recipe.settings.get(parameter))))
                .collect(),
            seed: (method.is_some_and(explain::Method::draws) || passes.is_some()).then_some(recipe.seed),
            subject: passes.map(|_| recipe.subject.name().to_owned()),
            passes,
            // JSON has no word for what is not finite.
            facts: map
                .facts
                .iter()
                .filter(|fact| fact.value.is_finite())
                .map(|fact| (fact.name.to_owned(), fact.value))
                .collect(),
            segments: segments.transpose()?,
        };
        let mut provenance = vec![
            ("Software".to_owned(), format!("glassbox {}", env!("CARGO_PKG_VERSION"))),
            ("Method".to_owned(), record.method.clone()),
            ("Class".to_owned(), record.class.to_string()),
        ];
        provenance.extend(record.layer.clone().map(|layer| ("Layer".to_owned(), layer)));
        provenance.extend(record.subject.clone().map(|subject| ("Subject".to_owned(), subject)));
        provenance.extend(record.against.map(|other| ("Against class".to_owned(), other.to_string())));
        let set = record.settings.iter().map(|(name, value)| (format!("Parameter {name}"), value.to_string()));
        provenance.extend(set);
        png::write(&self.folder.join(&over), &rgba, picture.columns, picture.rows, &provenance)?;
        Ok(record)
    }
}

/// Layer names keep their letters, digits, dots and underscores; everything else could be a path.
fn file_safe(name: &str) -> String {
    // Several layers that were averaged.
    let name = name.replace(" + ", "+");
    name.chars()
        .map(|c| if c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '+') { c } else { '-' })
        .collect()
}
