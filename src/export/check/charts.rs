//! Small bar charts by depth, as SVG.

use std::fmt::Write;

use super::page::escaped;

/// One bar: what it is of, and its height, 0 ..= 1.
pub(super) struct Bar<'a> {
    /// The layer.
    pub label: &'a str,
    /// The share.
    pub share: f32,
}

/// Width and height of the plotting area, and the room left of and below it.
const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 120.0;
const LEFT: f64 = 44.0;
const BELOW: f64 = 26.0;
/// Room above, so that the highest label is not cut.
const ABOVE: f64 = 8.0;

/// A chart of shares from 0 to 100 %, first layer left. `colour` is a CSS colour, `what` a caption for those who cannot
/// see it.
pub(super) fn bars(bars: &[Bar], colour: &str, what: &str) -> String {
    let step = WIDTH / bars.len().max(1) as f64;
    let mut svg = format!(
        "<svg viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"{}\">",
        LEFT + WIDTH + 4.0,
        ABOVE + HEIGHT + BELOW,
        escaped(what)
    );
    for percent in [0, 25, 50, 75, 100] {
        let y = ABOVE + HEIGHT * (1.0 - f64::from(percent) / 100.0);
        // Writing to a string does not fail.
        let _ = write!(
            svg,
            "<line x1=\"{LEFT}\" x2=\"{}\" y1=\"{y:.1}\" y2=\"{y:.1}\" class=\"grid\"/>\
             <text x=\"{}\" y=\"{:.1}\" class=\"tick\" text-anchor=\"end\">{percent} %</text>",
            LEFT + WIDTH,
            LEFT - 6.0,
            y + 3.5
        );
    }
    for (index, bar) in bars.iter().enumerate() {
        let share = f64::from(bar.share.clamp(0.0, 1.0));
        let _ = write!(
            svg,
            "<rect x=\"{:.2}\" y=\"{:.2}\" width=\"{:.2}\" height=\"{:.2}\" fill=\"{colour}\"><title>{}: {:.1} %</title>\
             </rect>",
            LEFT + index as f64 * step + 0.1 * step,
            ABOVE + HEIGHT * (1.0 - share),
            0.8 * step,
            HEIGHT * share,
            escaped(bar.label),
            share * 100.0
        );
    }
    let y = ABOVE + HEIGHT + 16.0;
    let ends = [(bars.first(), LEFT, "start"), (bars.last(), LEFT + WIDTH, "end")];
    let ends = if bars.len() < 2 { &ends[..1] } else { &ends[..] };
    for (bar, x, anchor) in ends {
        if let Some(bar) = bar {
            let _ = write!(
                svg,
                "<text x=\"{x}\" y=\"{y}\" class=\"tick\" text-anchor=\"{anchor}\">{}</text>",
                escaped(bar.label)
            );
        }
    }
    let middle = LEFT + WIDTH / 2.0;
    let _ = write!(svg, "<text x=\"{middle}\" y=\"{y}\" class=\"tick\" text-anchor=\"middle\">depth →</text></svg>");
    svg
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_have_their_share_and_labels_are_escaped() {
        let text = bars(&[Bar { label: "a<b", share: 0.5 }, Bar { label: "c", share: 7.0 }], "#123456", "x \"y\"");
        assert!(text.contains("<title>a&lt;b: 50.0 %</title>") && text.contains("height=\"60.00\""), "{text}");
        assert!(
            text.contains("<title>c: 100.0 %</title>") && text.contains("aria-label=\"x &quot;y&quot;\""),
            "{text}"
        );
        assert!(bars(&[], "#123456", "nothing").ends_with("</svg>"));
    }
}
