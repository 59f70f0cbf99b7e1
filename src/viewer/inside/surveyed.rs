//! What is known of a survey over many images: its result, or what there is of it.

use std::sync::Arc;

use crate::engine::{Engine, SourceList, Status, SurveyKey, SurveyResult};
use crate::inside::{Embedding, Report, Skipped, Strongest};

/// A survey as far as it has come.
#[derive(Debug, Clone, Default)]
pub struct Surveyed {
    /// The newest result.
    pub result: Option<Arc<SurveyResult>>,
    /// The images that the result numbers.
    pub sources: SourceList,
    /// Whether the result is whole, of what is asked now.
    pub is_current: bool,
    /// How far it has come, 0 ..= 1.
    pub progress: f32,
    /// Why there is none.
    pub failure: Option<Arc<str>>,
    key: Option<SurveyKey>,
}

impl Surveyed {
    /// Takes the newest of what is asked. While it grows, and when the same is asked of more images, the last result
    /// stays, so that nothing flickers.
    pub(super) fn update(&mut self, engine: &Engine, key: SurveyKey) {
        let is_related = self.key.as_ref().is_some_and(|last| {
            let same_kind = std::mem::discriminant(&last.kind) == std::mem::discriminant(&key.kind);
            last.model == key.model && last.layer == key.layer && same_kind
        });
        if !is_related {
            *self = Self::default();
        }
        self.is_current = false;
        self.failure = None;
        self.progress = 0.0;
        match engine.survey(&key) {
            Status::Ready(result) => {
                self.take(result, &key);
                self.is_current = true;
                self.progress = 1.0;
            }
            Status::Failed(reason) => {
                self.result = None;
                self.failure = Some(reason);
            }
            Status::Pending { progress } => {
                self.progress = progress;
                if let Some(result) = engine.survey_so_far(&key) {
                    self.take(result, &key);
                }
            }
            // What was stopped is still there as far as it came.
            Status::NotRequested => {
                if let Some(result) = engine.survey_so_far(&key) {
                    self.take(result, &key);
                }
            }
        }
        self.key = Some(key);
    }

    fn take(&mut self, result: Arc<SurveyResult>, key: &SurveyKey) {
        self.result = Some(result);
        self.sources = key.sources.clone();
    }

    /// The images that excite channels.
    #[must_use]
    pub fn strongest(&self) -> Option<&Strongest> {
        match self.result.as_deref()? {
            SurveyResult::Strongest(found) => Some(found),
            _ => None,
        }
    }

    /// The images in the plane.
    #[must_use]
    pub fn embedding(&self) -> Option<&Embedding> {
        match self.result.as_deref()? {
            SurveyResult::Embedding(found) => Some(found),
            _ => None,
        }
    }

    /// What the check found.
    #[must_use]
    pub fn report(&self) -> Option<&Report> {
        match self.result.as_deref()? {
            SurveyResult::Check(report) => Some(report),
            _ => None,
        }
    }

    /// How many images are in the result.
    #[must_use]
    pub fn inputs(&self) -> usize {
        match self.result.as_deref() {
            Some(SurveyResult::Activity(activity)) => activity.inputs,
            Some(SurveyResult::Strongest(strongest)) => strongest.inputs,
            Some(SurveyResult::Embedding(embedding)) => embedding.inputs.len(),
            Some(SurveyResult::Check(report)) => report.inputs,
            None => 0,
        }
    }

    /// Images that could not be taken into account.
    #[must_use]
    pub fn skipped(&self) -> &[Skipped] {
        match self.result.as_deref() {
            Some(SurveyResult::Activity(activity)) => &activity.skipped,
            Some(SurveyResult::Strongest(strongest)) => &strongest.skipped,
            Some(SurveyResult::Embedding(embedding)) => &embedding.skipped,
            Some(SurveyResult::Check(report)) => &report.skipped,
            None => &[],
        }
    }
}
