//! What the last units see against the size of what is looked for.

use super::{Check, Finding, LayerReport, Lesion, Report, Severity};

/// Without a lesion's size: the part of the input's shorter side that the last units should see.
const PART: f64 = 0.5;

/// The receptive field against the lesion's size, or against the input where none is given.
pub(super) struct Field;

impl Check for Field {
    fn name(&self) -> &'static str {
        "field"
    }

    fn title(&self) -> &'static str {
        "Receptive field"
    }

    fn definition(&self) -> &'static str {
        "The receptive field of a unit is the rectangle of input pixels that it is computed from; it is exact. Within it \
         the middle counts far more than the border, so that the effective field is smaller, often by half or more. The \
         last layer with rows and columns is judged, by the size of what is looked for where that was given, else by the \
         size of the input."
    }

    fn look(&self, report: &Report) -> Vec<Finding> {
        let is_spatial =
            |layer: &&LayerReport| matches!(layer.shape.as_slice(), [_, rows, columns] if rows * columns > 1);
        let last = report.layers.iter().rfind(|layer| is_spatial(layer) && layer.field.is_some());
        let Some((layer, field)) = last.and_then(|layer| Some((layer, layer.field?))) else { return Vec::new() };
        match report.lesion {
            Some(lesion) => against_lesion(report, layer, field, lesion),
            None => against_input(report, layer, field).into_iter().collect(),
        }
    }
}

fn against_lesion(report: &Report, layer: &LayerReport, field: [usize; 2], lesion: Lesion) -> Vec<Finding> {
    let size = lesion.input_px;
    let words = match lesion.mm {
        Some(mm) => format!("{mm} mm, which is {size:.0} pixels of the network's input"),
        None => format!("{size:.0} pixels of the network's input"),
    };
    let seen = field[0].min(field[1]);
    let mut findings = Vec::new();
    if (seen as f64) < size {
        findings.push(finding(
            Severity::Attention,
            layer,
            format!(
                "A unit of {} sees {} × {} pixels, less than what is looked for ({words}): no unit sees it whole, and only \
                 the layers behind can put its parts together.",
                layer.layer, field[0], field[1]
            ),
            "Attention where the shorter side of the last layer's field is smaller than what is looked for.".to_owned(),
            "Use a deeper network, more stride or pooling, dilated convolutions, or a smaller input, so that the field \
             covers what is looked for with room around it.",
        ));
    }
    if let Some(stride) = layer.stride
        && size < stride[0].max(stride[1])
    {
        // The last layer whose units lie closer together than what is looked for is wide.
        let finer = report.layers.iter().rfind(|layer| {
            let is_fine = layer.stride.is_some_and(|stride| stride[0].max(stride[1]) <= size);
            layer.shape.len() == 3 && is_fine
        });
        let finer =
            finer.map_or(String::new(), |layer| format!(" The last layer that is fine enough is {}.", layer.layer));
        findings.push(finding(
            Severity::Attention,
            layer,
            format!(
                "Neighbouring units of {} are {:.0} pixels apart, more than what is looked for ({words}) is wide: it falls \
                 into a single unit, and a map of this layer cannot show where in it.{finer}",
                layer.layer,
                stride[0].max(stride[1])
            ),
            "Attention where the distance of neighbouring units of the last layer exceeds what is looked for.".to_owned(),
            "Use a larger input or less stride, add a path from finer layers (feature pyramid, U-Net), or crop around \
             what is looked for; explain an earlier layer to see where it is.",
        ));
    }
    findings
}

fn against_input(report: &Report, layer: &LayerReport, field: [usize; 2]) -> Option<Finding> {
    let side = report.input[0].min(report.input[1]);
    let seen = field[0].min(field[1]);
    if seen as f64 >= PART * side as f64 {
        return None;
    }
    Some(finding(
        Severity::Notice,
        layer,
        format!(
            "A unit of {} sees {} × {} of {} × {} pixels of the input. Whatever is larger is seen in parts only.",
            layer.layer, field[0], field[1], report.input[0], report.input[1]
        ),
        format!("Notice where the shorter side of the field is less than {PART} of the input's, as no size was given."),
        "Compare with the size of what is looked for (--lesion-mm or --lesion-px). For structures larger than the field \
         use a deeper network, dilated convolutions or a smaller input.",
    ))
}

fn finding(severity: Severity, layer: &LayerReport, what: String, rule: String, advice: &str) -> Finding {
    Finding {
        kind: Field.name(),
        severity,
        layer: Some(layer.layer.clone()),
        channels: Vec::new(),
        what,
        rule,
        advice: advice.to_owned(),
        source: "Araujo, Norris and Sim 2019, Computing Receptive Fields of Convolutional Neural Networks (Distill); Luo et \
                 al. 2016, Understanding the Effective Receptive Field in Deep Convolutional Neural Networks; Lin et al. \
                 2017, Feature Pyramid Networks."
            .to_owned(),
    }
}
