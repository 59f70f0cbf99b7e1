//! How many pictures go through a network's trunk for what is wanted: counted, so that no clock is needed.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use candle_core::Device;

use super::*;
use crate::graph::{Control, Forward, INPUT, NodeId, Op, Rule, Saved, Support};
use crate::model::Model;

/// An operation that counts its forward steps.
#[derive(Debug)]
struct Counted {
    op: Arc<dyn Op>,
    /// Pictures that have been run.
    runs: Arc<AtomicUsize>,
    /// How often, several at once or one.
    batches: Arc<AtomicUsize>,
}

impl Op for Counted {
    fn kind(&self) -> &'static str {
        self.op.kind()
    }

    fn shape(&self, inputs: &[&[usize]]) -> Result<Vec<usize>, String> {
        self.op.shape(inputs)
    }

    fn support(&self, inputs: &[&[usize]], which: usize) -> Support {
        self.op.support(inputs, which)
    }

    fn forward(&self, inputs: &[&candle_core::Tensor], record: bool) -> candle_core::Result<Forward> {
        self.runs.fetch_add(inputs[0].dim(0)?, Ordering::Relaxed);
        self.batches.fetch_add(1, Ordering::Relaxed);
        self.op.forward(inputs, record)
    }

    fn vjp(
        &self,
        gradient: &candle_core::Tensor,
        which: usize,
        saved: &Saved,
        rule: Rule,
    ) -> candle_core::Result<candle_core::Tensor> {
        self.op.vjp(gradient, which, saved, rule)
    }

    fn parameters(&self) -> usize {
        self.op.parameters()
    }

    fn weights(&self) -> Vec<(&'static str, &candle_core::Tensor)> {
        self.op.weights()
    }
}

/// The network with its first layer counted.
fn counted(model: &Model, [runs, batches]: [&Arc<AtomicUsize>; 2]) -> Model {
    let first: NodeId = INPUT + 1;
    let (runs, batches) = (Arc::clone(runs), Arc::clone(batches));
    let op = Arc::new(Counted { op: Arc::clone(&model.graph.nodes()[first].op), runs, batches });
    let mut counted = model.clone();
    counted.graph = Arc::new(model.graph.with_ops([(first, op as Arc<dyn Op>)]));
    counted
}

/// An engine with an open demo folder and a demo model whose runs are counted.
struct Case {
    engine: Engine,
    slices: Vec<Source>,
    info: Arc<ModelInfo>,
    runs: Arc<AtomicUsize>,
    batches: Arc<AtomicUsize>,
}

impl Case {
    fn new(folder: &str, model: &str) -> Self {
        let config = Config { threads: Some(2), ..Config::default() };
        let engine = Engine::start(config).unwrap();
        engine.open(vec![PathBuf::from(folder)]);
        let slices = wait(|| {
            let library = engine.library();
            let is_open = library.opening.is_none() && !library.studies.is_empty();
            is_open.then(|| library.sources().cloned().collect::<Vec<Source>>())
        });
        let path = ModelPath(PathBuf::from(format!("demo:{model}")));
        engine.want(vec![Key::Model(path.clone())]);
        let info = wait(|| engine.model(&path).ready());
        let (runs, batches) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let mut state = engine.shared.lock();
        let plain = Arc::clone(&state.models[&info.id]);
        state.models.insert(info.id.clone(), Arc::new(counted(&plain, [&runs, &batches])));
        drop(state);
        Self { engine, slices, info, runs, batches }
    }

    fn runs(&self) -> usize {
        self.runs.load(Ordering::Relaxed)
    }

    fn map(&self, slice: usize, method: &'static str, layer: &str, class: usize) -> Arc<MapResult> {
        let recipe = Recipe::new(method, Arc::from(layer), class);
        let key = MapKey { model: self.info.id.clone(), source: self.slices[slice].clone(), recipe };
        self.engine.want(vec![Key::Map(key.clone())]);
        wait(|| match self.engine.map(&key) {
            Status::Failed(reason) => panic!("{method}: {reason}"),
            other => other.ready(),
        })
    }

    /// The same map from the pixels on, by a run of its own.
    fn whole(&self, slice: usize, method: &'static str, layer: &str, class: usize) -> Vec<f32> {
        let model = Arc::clone(&self.engine.shared.lock().models[&self.info.id]);
        let picture = self.engine.shared.picture(&self.slices[slice]).unwrap();
        let questions = [compute::Question::Map(Recipe::new(method, Arc::from(layer), class))];
        let mut values = Vec::new();
        let before = self.runs();
        compute::slice(&model, &picture, &questions, &Control::default(), &mut |_, answer| {
            if let compute::Answer::Done(Outcome::Map(map)) = answer {
                values.clone_from(&map.attribution.values);
            }
        })
        .unwrap();
        self.runs.store(before, Ordering::Relaxed);
        values
    }

    fn stack(&self, model: &ModelId) -> Arc<StackResult> {
        let key = StackKey { model: model.clone(), sources: SourceList::from(self.slices.as_slice()) };
        self.engine.want(vec![Key::Stack(key.clone())]);
        wait(|| self.engine.stack(&key).ready())
    }
}

fn wait<T>(mut poll: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(value) = poll() {
            return value;
        }
        assert!(begun.elapsed() < Duration::from_mins(5), "waited in vain");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// The head from a kept layer multiplies the same numbers, perhaps in another order: float32 sums of some hundred
/// products.
fn assert_same(found: &[f32], expected: &[f32], what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let most = expected.iter().fold(0.0_f32, |most, value| most.max(value.abs()));
    for (a, b) in found.iter().zip(expected) {
        assert!((a - b).abs() <= 1e-5 * most, "{what}: {a} and {b}");
    }
}

#[test]
fn another_class_or_method_of_a_seen_slice_runs_no_trunk() {
    let case = Case::new("demo:/skin", "skin-phantom");
    let layer = case.info.default_layer.clone();
    case.map(0, "gradcam", &layer, 0);
    assert_eq!(case.runs(), 1);
    for (method, class) in [("gradcam", 1), ("gradcamplusplus", 2), ("layercam", 3), ("hirescam", 1), ("eigencam", 0)] {
        let map = case.map(0, method, &layer, class);
        assert_eq!(case.runs(), 1, "{method} of class {class}");
        assert_same(&map.attribution.values, &case.whole(0, method, &layer, class), method);
    }
    let scores = Key::Scores { model: case.info.id.clone(), source: case.slices[0].clone() };
    case.engine.want(vec![scores]);
    wait(|| case.engine.scores(&case.info.id, &case.slices[0]).ready());
    assert_eq!(case.runs(), 1, "the logits are known");
    case.map(0, "gradient", &layer, 1);
    assert_eq!(case.runs(), 2, "what ends at the pixels begins there");
    case.map(1, "gradcam", &layer, 0);
    assert_eq!(case.runs(), 3, "another slice");
}

#[test]
fn a_layer_that_was_asked_about_is_kept_and_leads_to_later_ones() {
    let case = Case::new("demo:/skin", "skin-phantom");
    // The card offers layers; an early one is too large to be kept unasked.
    let early = case.info.card.explain.layers[0].clone();
    let last = case.info.default_layer.clone();
    case.map(0, "gradcam", &last, 0);
    case.map(0, "gradcam", &early, 0);
    let seen = case.runs();
    assert_eq!(seen, 2, "nothing before the last layer was kept");
    let map = case.map(0, "gradcam", &early, 2);
    assert_eq!(case.runs(), seen);
    assert_same(&map.attribution.values, &case.whole(0, "gradcam", &early, 2), "the early layer");
    // The rest of the network lies behind the early layer.
    let between = case.info.card.explain.layers[2].clone();
    let map = case.map(0, "gradcam", &between, 1);
    assert_eq!(case.runs(), seen);
    assert_same(&map.attribution.values, &case.whole(0, "gradcam", &between, 1), "a layer between");
}

#[test]
fn a_stack_and_the_maps_of_its_slices_share_their_runs() {
    let case = Case::new("demo:/knee/torn/sagittal", "knee-phantom");
    let layer = case.info.default_layer.clone();
    let count = case.slices.len();
    case.map(2, "cam", &layer, 0);
    let first = case.stack(&case.info.id);
    assert_eq!(case.runs(), count, "the slice that had its map is not run again");
    let batches = case.batches.load(Ordering::Relaxed);
    assert!(batches < count / 2, "{batches} runs for {count} slices");
    for class in 0..2 {
        let map = case.map(4, "cam", &layer, class);
        assert_eq!(case.runs(), count, "class {class}");
        assert_same(&map.attribution.values, &case.whole(4, "cam", &layer, class), "cam");
        case.map(5, "gradcam", &layer, class);
    }
    assert_eq!(case.runs(), count);

    // Another task on the same trunk: other card, other head.
    let plain = Arc::clone(&case.engine.shared.lock().models[&case.info.id]);
    let embedded = demo::models().iter().find(|model| model.name == "knee-phantom").unwrap();
    let card = embedded.card.replace("Knee phantom", "Another task");
    let mut other = Model::from_parts(&card, embedded.weights, &Device::Cpu).unwrap();
    let id = ModelId(Arc::from("another task"));
    let trunk = trunk::of(&other, &id);
    assert_eq!(trunk, trunk::of(&plain, &case.info.id), "the same weights before the maximum");
    other = counted(&other, [&case.runs, &case.batches]);
    {
        let mut state = case.engine.shared.lock();
        state.trunks.insert(id.clone(), trunk);
        state.models.insert(id.clone(), Arc::new(other));
    }
    assert_eq!(case.stack(&id).logits, first.logits);
    assert_eq!(case.runs(), count, "its features are those of the first task");
    let recipe = Recipe::new("gradcam", Arc::from(layer.as_str()), 1);
    let key = MapKey { model: id, source: case.slices[5].clone(), recipe };
    case.engine.want(vec![Key::Map(key.clone())]);
    let map = wait(|| case.engine.map(&key).ready());
    assert_eq!(case.runs(), count);
    assert_same(&map.attribution.values, &case.whole(5, "gradcam", &layer, 1), "the other task's map");
}

#[test]
fn other_preprocessing_or_weights_make_another_trunk() {
    let embedded = demo::models().iter().find(|model| model.name == "knee-phantom").unwrap();
    let of = |card: &str| {
        let model = Model::from_parts(card, embedded.weights, &Device::Cpu).unwrap();
        trunk::of(&model, &ModelId(Arc::from("any")))
    };
    let own = of(embedded.card);
    assert_eq!(own, of(&embedded.card.replace("Knee phantom", "Renamed")));
    assert_ne!(own, of(&embedded.card.replace("scale = 1.0", "scale = 2.0")));
    let skin = demo::models().iter().find(|model| model.name == "skin-phantom").unwrap();
    let alone = Model::from_parts(skin.card, skin.weights, &Device::Cpu).unwrap();
    let id = ModelId(Arc::from("skin"));
    assert_eq!(trunk::of(&alone, &id), id, "a network for single slices is its own");
}

#[test]
fn what_is_kept_is_forgotten_with_its_study() {
    let case = Case::new("demo:/skin", "skin-phantom");
    let layer = case.info.default_layer.clone();
    case.map(0, "gradcam", &layer, 0);
    let uid = case.engine.library().studies[0].uid.clone();
    assert!(case.engine.shared.lock().kept.bytes() > 0);
    case.engine.close_study(&uid);
    assert_eq!(case.engine.shared.lock().kept.bytes(), 0);
}
