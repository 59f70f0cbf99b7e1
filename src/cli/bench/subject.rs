//! A network with the pictures it is given, ready to run any piece of work.

use std::cell::{Cell, OnceCell};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use candle_core::{DType, Device, Tensor};
use glassbox::display::Picture;
use glassbox::engine::compute::{self, Answer, Forward, KeptLayers, Question};
use glassbox::engine::{DemoAndDisk, Outcome, Recipe};
use glassbox::explain::{self, Ask, Attribution, Method, Region, Settings, Target};
use glassbox::graph::{Control, INPUT, Keep, NodeId};
use glassbox::model::{Fit, Model};
use glassbox::study::{self, Reader, Storage};

use super::super::explain::sentence;
use super::networks::Network;
use super::work::Work;
use super::{BenchOptions, Stop};

/// What is shown to a stack network unless something else is given, and what to all others.
const KNEE: &str = "demo:/knee/torn/sagittal";
const SKIN: &str = "demo:/skin";

/// Slices of a stack unless given: about those of one plane of a knee.
const SLICES: usize = 24;

/// The most pixels that are run together, so that memory does not grow with the number of images.
const MOST_PIXELS: usize = 32 * 256 * 256;

/// What one run gave: the logits, the raw map, or the probabilities of the passes.
pub struct Given {
    /// Of `values`.
    pub shape: Vec<usize>,
    /// In C order.
    pub values: Vec<f32>,
}

/// A network and its inputs.
pub struct Subject {
    /// The network.
    pub model: Model,
    /// The first picture, for what begins with a picture.
    picture: Picture,
    /// Network inputs, `[1, channels, rows, columns]` each.
    inputs: Vec<Tensor>,
    /// How each lies on its picture.
    fits: Vec<Fit>,
    layer: NodeId,
    class: usize,
    passes: usize,
    control: Control,
    /// Layers of the first picture, once it has been run.
    kept: OnceCell<KeptLayers>,
    /// The class whose map from kept layers comes next.
    next_class: Cell<usize>,
}

impl Subject {
    /// Loads the network and the pictures, and finds the class that maps explain.
    pub fn new(network: &Network, options: &BenchOptions, device: &Device) -> Result<Self, Stop> {
        let mut model = network.load(options.classes.map(|count| count as usize), device)?;
        if let Some(size) = options.size {
            model.card.input.size = [size as usize; 2];
        }
        let layer = options.layer.as_deref().unwrap_or(model.default_layer());
        let layer = model.graph.find(layer).ok_or_else(|| format!("{} has no layer `{layer}`", model.card.name))?;
        let usual = Path::new(if model.stack { KNEE } else { SKIN });
        let pictures = pictures(options.image.as_deref().unwrap_or(usual))?;
        let count = options.slices.map_or(if model.stack { SLICES } else { 1 }, |count| count as usize);
        let inputs = (pictures.iter().take(count))
            .map(|picture| model.input(picture).map_err(|error| error.to_string()))
            .collect::<Result<Vec<_>, String>>()?;
        // Fewer pictures than slices are shown again from the first; their tensors are shared.
        let shown = inputs.iter().cycle().take(count);
        let (inputs, fits) = shown.map(|input| (input.tensor.clone(), input.fit)).unzip();
        let picture = pictures.into_iter().next().ok_or_else(|| "There is no picture".to_owned())?;
        let passes = options.passes as usize;
        let control = Control::default();
        let (kept, next_class) = (OnceCell::new(), Cell::new(0));
        let mut subject = Self { model, picture, inputs, fits, layer, class: 0, passes, control, kept, next_class };
        subject.class = match options.class {
            Some(class) => class,
            None => subject.most_probable()?,
        };
        Ok(subject)
    }

    /// The shape of what the network is given, all images together.
    pub fn input_shape(&self) -> Vec<usize> {
        let mut shape = self.inputs[0].dims().to_vec();
        shape[0] = self.inputs.len();
        shape
    }

    /// How many images a piece of work takes in one run.
    pub fn images(&self, work: &Work) -> usize {
        if matches!(work, Work::Passes | Work::AnotherClass) { 1 } else { self.inputs.len() }
    }

    /// The class that maps explain.
    pub fn class(&self) -> usize {
        self.class
    }

    /// Does the work once.
    pub fn run(&self, work: &Work) -> Result<Given, String> {
        match work {
            Work::Forward => self.forward(),
            Work::Passes => self.passes(),
            Work::AnotherClass => self.another_class(),
            Work::Stack => self.stack(),
            Work::Map(method, settings) => {
                let mut first = None;
                for input in &self.inputs {
                    let map = self.map(input, *method, settings)?;
                    first.get_or_insert(map);
                }
                // There is at least one input.
                let map = first.unwrap_or_default();
                Ok(Given { shape: vec![map.channels, map.rows, map.columns], values: map.values })
            }
        }
    }

    fn most_probable(&self) -> Result<usize, String> {
        let logits = self.run(&Work::Forward)?;
        let probabilities = self.model.probabilities(&logits.values[..self.model.outputs().min(logits.values.len())]);
        let best = probabilities.iter().enumerate().max_by(|(_, a), (_, b)| a.total_cmp(b));
        Ok(best.map_or(0, |(class, _)| class))
    }

    /// The logits of all inputs, or of the one stack.
    fn forward(&self) -> Result<Given, String> {
        let [_, _, rows, columns] = self.inputs[0].dims4().map_err(|error| error.to_string())?.into();
        let together = (MOST_PIXELS / (rows * columns).max(1)).max(1);
        if self.model.stack {
            let mut features = Vec::with_capacity(self.inputs.len());
            for inputs in self.inputs.chunks(together) {
                let of_batch = compute::features_of(&self.model, &batch(inputs)?, &self.control);
                features.extend(of_batch.map_err(|failure| sentence(&failure))?);
            }
            let result = compute::stack(&self.model, &features, &self.control);
            let logits = result.map_err(|failure| sentence(&failure))?.logits;
            return Ok(Given { shape: vec![1, logits.len()], values: logits });
        }
        let graph = &self.model.graph;
        let mut values = Vec::new();
        let mut shape = Vec::new();
        for inputs in self.inputs.chunks(together) {
            let trace = graph
                .run(&[(INPUT, batch(inputs)?)], graph.output(), &Keep::nothing(), &self.control)
                .map_err(|error| error.to_string())?;
            shape = trace.target().dims().to_vec();
            let logits = trace.target().to_dtype(DType::F32).and_then(|logits| logits.flatten_all()?.to_vec1::<f32>());
            values.extend(logits.map_err(|error| error.to_string())?);
        }
        shape[0] = self.inputs.len();
        Ok(Given { shape, values })
    }

    /// The map of one input; one of a layer is enlarged to the input's size as well, as it is shown.
    fn map(&self, input: &Tensor, method: &dyn Method, settings: &Settings) -> Result<Attribution, String> {
        let graph = &self.model.graph;
        let (class, sign) = self.model.logit_of_class(self.class).ok_or_else(|| {
            format!("{} has {} classes, no class {}", self.model.card.name, self.model.classes.len(), self.class)
        })?;
        let target = Target { class, sign, region: Region::Predicted };
        let trace = graph
            .run(&[(INPUT, input.clone())], graph.output(), &method.keeps(graph, self.layer), &self.control)
            .map_err(|error| error.to_string())?;
        let space = self.model.space();
        let ask = Ask { settings, space: &space, ..Ask::new(&trace, self.layer, &target, &self.control) };
        let map = method.compute(&ask).map_err(|error| error.to_string())?;
        if map.layer.is_some() {
            let [rows, columns] = self.model.card.input.size;
            std::hint::black_box(map.shown(rows, columns));
        }
        Ok(map)
    }

    /// The map of the next class, from the layers kept when the picture was run.
    fn another_class(&self) -> Result<Given, String> {
        if self.kept.get().is_none() {
            // The first to set it is this call.
            let _ = self.kept.set(self.keep()?);
        }
        let kept = self.kept.get().ok_or_else(|| "The run kept nothing".to_owned())?;
        let class = self.next_class.get() % self.model.classes.len().max(1);
        self.next_class.set(class + 1);
        self.map_of_kept(kept, class)
    }

    /// CAM where the network's head allows it, else Grad-CAM, from the layers kept of a slice.
    fn map_of_kept(&self, kept: &KeptLayers, class: usize) -> Result<Given, String> {
        let method = if explain::class_map_layer(&self.model.graph).is_ok() { "cam" } else { "gradcam" };
        let question = Question::Map(Recipe::new(method, Arc::from(self.model.default_layer()), class));
        let mut given = Err(format!("{method} needs a run of its own"));
        kept.answer(&self.model, &[question], &self.control, &mut |_, answer| match answer {
            Answer::Done(Outcome::Map(map)) => {
                let map = &map.attribution;
                given = Ok(Given { shape: vec![map.channels, map.rows, map.columns], values: map.values.clone() });
            }
            Answer::Failed(reason) => given = Err(reason.to_string()),
            _ => {}
        })
        .map_err(|failure| sentence(&failure))?;
        given
    }

    /// The logits of the stack, then the map of each slice.
    fn stack(&self) -> Result<Given, String> {
        let at_once = compute::slices_at_once(&self.model).map_err(|failure| sentence(&failure))?;
        let (mut features, mut maps) = (Vec::new(), Vec::new());
        for (inputs, fits) in self.inputs.chunks(at_once).zip(self.fits.chunks(at_once)) {
            let left = compute::slices_of(&self.model, &batch(inputs)?, fits, &self.control);
            for (of_slice, kept) in left.map_err(|failure| sentence(&failure))? {
                features.push(Arc::new(of_slice));
                maps.push(self.map_of_kept(&kept, self.class)?);
            }
        }
        let result = compute::stack(&self.model, &features, &self.control);
        let mut values = result.map_err(|failure| sentence(&failure))?.logits;
        values.extend(maps.iter().flat_map(|map| &map.values));
        Ok(Given { shape: vec![values.len()], values })
    }

    /// Runs the first picture and keeps what later questions begin from.
    fn keep(&self) -> Result<KeptLayers, String> {
        let left = compute::slice(&self.model, &self.picture, &[], &self.control, &mut |_, _| {});
        let left = left.map_err(|failure| sentence(&failure))?;
        left.kept.ok_or_else(|| "The run kept nothing".to_owned())
    }

    /// Probabilities, passes × classes.
    fn passes(&self) -> Result<Given, String> {
        let question = Question::Uncertainty { passes: self.passes, seed: 1 };
        let forward = Forward::run(&self.model, &self.picture, std::slice::from_ref(&question), &self.control);
        let forward = forward.map_err(|failure| sentence(&failure))?;
        match forward.answer(&question, &mut |_| {}).map_err(|failure| sentence(&failure))? {
            Outcome::Uncertainty(drawn) => {
                let classes = drawn.probabilities.len() / drawn.passes.max(1);
                Ok(Given { shape: vec![drawn.passes, classes], values: drawn.probabilities.clone() })
            }
            _ => Err("The passes gave something else".to_owned()),
        }
    }
}

/// Inputs side by side.
fn batch(inputs: &[Tensor]) -> Result<Tensor, String> {
    match inputs {
        [one] => Ok(one.clone()),
        several => Tensor::cat(several, 0).map_err(|error| error.to_string()),
    }
}

/// The slices of the first series at a path.
fn pictures(path: &Path) -> Result<Vec<Picture>, String> {
    let storage: Arc<dyn Storage> = Arc::new(DemoAndDisk::default());
    let opened = study::open(&[path.to_owned()], &storage, &|_| ControlFlow::Continue(()));
    let series = opened.studies.iter().flat_map(|study| &study.series).next();
    let Some(series) = series else {
        let reason = opened.failed.first().map_or("nothing there is an image", |failed| failed.reason.as_str());
        return Err(format!("There is nothing to run ({reason}): {}", path.display()));
    };
    let reader = Reader::new(storage);
    series.slices.iter().map(|slice| reader.picture(slice).map_err(|error| error.to_string())).collect()
}
