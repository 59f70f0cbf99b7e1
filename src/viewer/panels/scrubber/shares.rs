//! Under the scores: what each slice adds to the logit of the stack, up for the class and down against it.

use std::fmt::Write;

use egui::{Align2, Painter, Pos2, Rect, Stroke, Vec2};

use super::caption;
use crate::viewer::facts::SlotFacts;
use crate::viewer::theme;

/// Height of the strip, in points.
pub const HEIGHT: f32 = 44.0;

/// What is known of the slices' shares for the explained class.
pub struct Shares<'a> {
    /// What each slice adds to the logit.
    added: &'a [f32],
    /// How the logit changes without the slice; empty for a stack of one.
    left_out: &'a [f32],
    /// −1 where the explained class is the one that a negative logit speaks for.
    sign: f32,
}

impl<'a> Shares<'a> {
    /// The shares of a stack network, once the whole stack is there.
    #[must_use]
    pub fn of(facts: &'a SlotFacts) -> Option<Self> {
        let stack = facts.stack.current()?;
        let output = facts.output()?;
        let is_negative = stack.logits.len() == 1 && stack.probabilities.len() == 2 && facts.class == Some(0);
        Some(Self {
            added: stack.shares.get(output)?,
            left_out: stack.left_out.get(output).map_or(&[], Vec::as_slice),
            sign: if is_negative { -1.0 } else { 1.0 },
        })
    }

    /// The words for one slice, which a series calls so.
    #[must_use]
    pub fn words(&self, position: usize, noun: &str) -> Option<String> {
        let share = self.sign * self.added.get(position)?;
        if share == 0.0 {
            return Some(format!("Adds nothing to the stack: other {noun}s win every feature"));
        }
        let mut words = format!("Adds {share:+.2} to the stack's logit");
        if let Some(change) = self.left_out.get(position) {
            let _ = write!(words, "\nWithout this {noun} the logit changes by {:+.2}", self.sign * change);
        }
        Some(words)
    }

    /// Paints the bars. `left` and `step` say where slices lie, in points.
    #[expect(clippy::too_many_arguments, reason = "what a strip is painted with, listed once")]
    pub fn paint(
        &self,
        painter: &Painter,
        strip: Rect,
        palette: &theme::Palette,
        class: &str,
        current: usize,
        left: &dyn Fn(usize) -> f32,
        step: f32,
    ) {
        painter.rect_filled(strip, 3.0, palette.background);
        let here = Rect::from_x_y_ranges(left(current)..=left(current) + step.max(2.0), strip.y_range());
        painter.rect_filled(here, 0.0, palette.chosen);
        let highest = self.added.iter().map(|share| (self.sign * share).max(0.0)).fold(0.0_f32, f32::max);
        let lowest = self.added.iter().map(|share| (self.sign * share).min(0.0)).fold(0.0_f32, f32::min);
        let span = (highest - lowest).max(f32::MIN_POSITIVE);
        // One scale for both directions; the line lies where both fit.
        let inner = strip.shrink2(Vec2::new(0.0, 2.0));
        let zero = inner.bottom() - inner.height() * (-lowest / span);
        let gap = if step > 5.0 { 1.0 } else { 0.0 };
        for (position, share) in self.added.iter().enumerate() {
            let value = self.sign * share;
            if value == 0.0 {
                continue;
            }
            let end = zero - inner.height() * value / span;
            let bar = Rect::from_two_pos(
                Pos2::new(left(position) + gap, zero),
                Pos2::new(
                    left(position) + step - gap,
                    if (end - zero).abs() < 1.0 { zero - value.signum() } else { end },
                ),
            );
            let colour = if value > 0.0 { theme::SHARE_FOR } else { theme::SHARE_AGAINST };
            painter.rect_filled(bar, 0.0, if position == current { colour } else { colour.gamma_multiply(0.75) });
        }
        painter.hline(strip.x_range(), zero, Stroke::new(1.0, palette.border));
        let words = format!("Share of the stack's logit: up for {class}, down against it");
        caption(painter, strip, Align2::LEFT_TOP, words, palette);
        let most = if highest >= -lowest { highest } else { lowest };
        caption(painter, strip, Align2::RIGHT_TOP, format!("{most:+.2}"), palette);
        painter.rect_stroke(here, 0.0, Stroke::new(1.0, palette.text), egui::StrokeKind::Inside);
    }
}
