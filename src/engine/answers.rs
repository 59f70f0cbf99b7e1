//! What has become of what was wanted: nothing here computes, waits or wants anything.

use std::sync::Arc;

use super::{
    CoverKey, CoverResult, Engine, FeatureGrid, Key, MapKey, MapResult, ModelId, ModelInfo, ModelPath, Outcome, Scores,
    StackKey, StackResult, Status, SurveyKey, SurveyResult, UncertaintyKey, UncertaintyResult,
};
use crate::explain::Activations;
use crate::inside::Filters;
use crate::study::Source;

impl Engine {
    /// Where a model stands.
    #[must_use]
    pub fn model(&self, path: &ModelPath) -> Status<Arc<ModelInfo>> {
        self.look_up(&Key::Model(path.clone()), |outcome| match outcome {
            Outcome::Model(info) => Some(info),
            _ => None,
        })
    }

    /// Where a slice's scores stand.
    #[must_use]
    pub fn scores(&self, model: &ModelId, source: &Source) -> Status<Arc<Scores>> {
        self.look_up(&Key::Scores { model: model.clone(), source: source.clone() }, |outcome| match outcome {
            Outcome::Scores(scores) => Some(scores),
            _ => None,
        })
    }

    /// Where a map stands.
    #[must_use]
    pub fn map(&self, key: &MapKey) -> Status<Arc<MapResult>> {
        self.look_up(&Key::Map(key.clone()), |outcome| match outcome {
            Outcome::Map(map) => Some(map),
            _ => None,
        })
    }

    /// The map as it has formed so far, while it is being computed.
    #[must_use]
    pub fn interim(&self, key: &MapKey) -> Option<Arc<MapResult>> {
        let state = self.shared.lock();
        let (of, map) = state.interim.as_ref()?;
        (of == key).then(|| Arc::clone(map))
    }

    /// Where a layer's activations stand, with its channels' contributions to a class if one is given.
    #[must_use]
    pub fn activations(
        &self,
        model: &ModelId,
        source: &Source,
        layer: &Arc<str>,
        class: Option<usize>,
    ) -> Status<Arc<Activations>> {
        let key = Key::Activations { model: model.clone(), source: source.clone(), layer: Arc::clone(layer), class };
        self.look_up(&key, |outcome| match outcome {
            Outcome::Activations(activations) => Some(activations),
            _ => None,
        })
    }

    /// Where the feature maps of a [`Key::FeatureMaps`] stand.
    #[must_use]
    pub fn feature_maps(&self, key: &Key) -> Status<Arc<FeatureGrid>> {
        self.look_up(key, |outcome| match outcome {
            Outcome::FeatureMaps(grid) => Some(grid),
            _ => None,
        })
    }

    /// Where the draws of a stochastic head stand.
    #[must_use]
    pub fn uncertainty(&self, key: &UncertaintyKey) -> Status<Arc<UncertaintyResult>> {
        self.look_up(&Key::Uncertainty(key.clone()), |outcome| match outcome {
            Outcome::Uncertainty(result) => Some(result),
            _ => None,
        })
    }

    /// What has been drawn so far of the same model, slice and seed: fewer passes of an earlier key, or the passes of
    /// the running one until now.
    #[must_use]
    pub fn uncertainty_so_far(&self, key: &UncertaintyKey) -> Option<Arc<UncertaintyResult>> {
        let state = self.shared.lock();
        let of = (key.model.clone(), key.source.clone(), key.seed);
        state.drawn.peek(&of).map(|(_, result)| Arc::clone(result))
    }

    /// Where a covered slice stands.
    #[must_use]
    pub fn cover(&self, key: &CoverKey) -> Status<Arc<CoverResult>> {
        self.look_up(&Key::Cover(key.clone()), |outcome| match outcome {
            Outcome::Cover(result) => Some(result),
            _ => None,
        })
    }

    /// What was found for the box that was covered last on the same slice for the same model, to be shown while the box
    /// is still moving.
    #[must_use]
    pub fn covered_last(&self, key: &CoverKey) -> Option<Arc<CoverResult>> {
        let state = self.shared.lock();
        let (of, result) = state.covered.as_ref()?;
        ((&of.model, &of.source) == (&key.model, &key.source)).then(|| Arc::clone(result))
    }

    /// Where a whole stack stands.
    #[must_use]
    pub fn stack(&self, key: &StackKey) -> Status<Arc<StackResult>> {
        let status = self.look_up(&Key::Stack(key.clone()), |outcome| match outcome {
            Outcome::Stack(result) => Some(result),
            _ => None,
        });
        let Status::Pending { .. } = status else { return status };
        let done = self.shared.lock().stacked(key);
        Status::Pending { progress: done as f32 / key.sources.len().max(1) as f32 }
    }

    /// Where a survey stands.
    #[must_use]
    pub fn survey(&self, key: &SurveyKey) -> Status<Arc<SurveyResult>> {
        let status = self.look_up(&Key::Survey(key.clone()), |outcome| match outcome {
            Outcome::Survey(result) => Some(result),
            _ => None,
        });
        let Status::Pending { progress } = status else { return status };
        let state = self.shared.lock();
        let under_way = state.survey.as_ref().filter(|under_way| under_way.key == *key);
        Status::Pending { progress: under_way.map_or(0.0, |under_way| under_way.progress(progress)) }
    }

    /// The survey's result so far, of the images that have been run, while it is under way.
    #[must_use]
    pub fn survey_so_far(&self, key: &SurveyKey) -> Option<Arc<SurveyResult>> {
        let state = self.shared.lock();
        let under_way = state.survey.as_ref().filter(|under_way| under_way.key == *key)?;
        under_way.so_far.clone()
    }

    /// Where the filters of a [`Key::Filters`] stand.
    #[must_use]
    pub fn filters(&self, key: &Key) -> Status<Arc<Filters>> {
        self.look_up(key, |outcome| match outcome {
            Outcome::Filters(filters) => Some(filters),
            _ => None,
        })
    }

    /// Looks up the smallest and largest raw value of each map of `sources` that is there, made as `like` is, and not
    /// among `known` yet, for a scale common to a stack. Gives how many were found; `known` has one place a source.
    pub fn map_ranges(&self, sources: &[Source], like: &MapKey, known: &mut [Option<(f32, f32)>]) -> usize {
        let state = self.shared.lock();
        let mut found = 0;
        for (source, known) in sources.iter().zip(known).filter(|(_, known)| known.is_none()) {
            let key = Key::Map(MapKey { source: source.clone(), ..like.clone() });
            if let Some(Outcome::Map(map)) = state.results.peek(&key) {
                *known = Some(map.range());
                found += 1;
            }
        }
        found
    }

    fn look_up<T>(&self, key: &Key, pick: impl Fn(Outcome) -> Option<T>) -> Status<T> {
        let mut state = self.shared.lock();
        if let Some(value) = state.results.get(key).and_then(pick) {
            return Status::Ready(value);
        }
        if let Some(reason) = state.failures.get(key) {
            return Status::Failed(Arc::clone(reason));
        }
        if let Some(running) = &state.running
            && running.keys.contains(key)
        {
            return Status::Pending { progress: running.control.progress() };
        }
        if state.wants.contains(key) { Status::Pending { progress: 0.0 } } else { Status::NotRequested }
    }
}
