//! Many changed inputs through the network.

use std::cell::OnceCell;

use candle_core::{DType, Device, Tensor};

use super::{
    super::{
        Ask, ExplainError,
        runs::batch_size,
        score::{Unit, scores, scores_of_output},
    },
    changes::{Change, Rectangle, Waiting, copy_rectangle, differs_within, is_small, patch, rectangles},
};
use crate::graph::{GraphError, INPUT, Local};

/// The activations of the original that are kept for inputs which differ from it in a small box.
const MOST_BYTES: usize = 1 << 30;

/// Inputs that differ in a small box are run at so many at most: more are no faster, and interim maps come less often.
const LOCAL_BATCH: usize = 16;

/// Elements of one layer's output, all such inputs together (64 MiB of `f32`).
const LOCAL_ELEMENTS: u64 = 1 << 24;

/// An input waits for others to be run with until so many have come that were not.
const PATIENCE: usize = 64;

/// Changed versions of the explained input, scored in their order. Of those that differ from it in a small box only what
/// the box changes is computed ([`Local`]).
pub(in crate::explain) struct Runs<'a> {
    ask: &'a Ask<'a>,
    /// Channels of the input.
    pub channels: usize,
    /// Rows of the input.
    pub rows: usize,
    /// Columns of the input.
    pub columns: usize,
    original: Vec<f32>,
    precision: DType,
    device: Device,
    /// Inputs fed at once.
    pub(super) batch: usize,
    /// The original's run, once an input has come that differs in a small box.
    local: OnceCell<Local>,
}

impl<'a> Runs<'a> {
    /// Runs of changed versions of the explained input, which must be finite.
    ///
    /// # Errors
    /// [`ExplainError::NotKept`], [`ExplainError::NoSlice`], [`ExplainError::NotFinite`] for the input.
    pub fn new(ask: &'a Ask<'a>) -> Result<Self, ExplainError> {
        let input = ask.input()?;
        let (_, channels, rows, columns) = input.dims4()?;
        let original = input.flatten_all()?.to_dtype(DType::F32)?.to_vec1::<f32>()?;
        if original.iter().any(|value| !value.is_finite()) {
            return Err(ExplainError::NotFinite { layer: "input".to_owned() });
        }
        let device = input.device().clone();
        let batch = batch_size(ask.graph(), INPUT, input.dims(), &device)?;
        let precision = input.dtype();
        Ok(Self { ask, channels, rows, columns, original, precision, device, batch, local: OnceCell::new() })
    }

    /// Pixels of one channel.
    pub const fn places(&self) -> usize {
        self.rows * self.columns
    }

    /// The unchanged input, `channels × rows × columns`.
    pub fn original(&self) -> &[f32] {
        &self.original
    }

    /// Scores `count` changed inputs and hands each score on, in order. `change` is given an index and a copy of the
    /// original to work on. Progress is reported over all of them.
    ///
    /// # Errors
    /// What a run can fail with, cancellation included, and what `then` gives.
    pub fn each(
        &self,
        count: usize,
        unit: Unit,
        change: impl Fn(usize, &mut [f32]),
        mut then: impl FnMut(usize, f64) -> Result<(), ExplainError>,
    ) -> Result<(), ExplainError> {
        let mut scores: Vec<Option<f64>> = vec![None; count];
        let mut told = 0;
        let mut groups = [Waiting::new(self.batch), Waiting::new(0)];
        let mut values = Vec::with_capacity(self.original.len());
        for index in 0..count {
            self.ask.control.check().map_err(GraphError::from)?;
            values.clear();
            values.extend_from_slice(&self.original);
            change(index, &mut values);
            let [much, local] = &mut groups;
            match Change::between(&self.original, &values, self.rows, self.columns) {
                Change::None => scores[index] = Some(self.unchanged(unit)?),
                Change::Within(within) if self.local()?.whole_because().is_none() => {
                    if local.indices.is_empty() {
                        local.most = self.at_once([within[0].len(), within[1].len()])?;
                    }
                    local.push(index, &values, Some(within));
                }
                Change::Within(_) | Change::Much => much.push(index, &values, None),
            }
            for group in &mut groups {
                if group.is_due(index, PATIENCE) || index + 1 == count {
                    self.run(group.take(), unit, &mut scores)?;
                }
            }
            while let Some(score) = scores.get(told).copied().flatten() {
                then(told, score)?;
                told += 1;
                self.ask.control.set_progress(told as f32 / count as f32);
            }
        }
        self.ask.control.set_progress(1.0);
        Ok(())
    }

    /// [`Runs::each`] for inputs that differ from the original in one rectangle each, `place(index)`, in which `fill`
    /// stands, values as many as the input has: nothing outside the rectangles is looked at.
    ///
    /// # Errors
    /// What a run can fail with, cancellation included, and what `then` gives.
    pub fn each_rectangle(
        &self,
        count: usize,
        unit: Unit,
        fill: &[f32],
        place: impl Fn(usize) -> Rectangle,
        mut then: impl FnMut(usize, f64) -> Result<(), ExplainError>,
    ) -> Result<(), ExplainError> {
        let bounds = [self.rows, self.columns];
        if !(0..count).all(|index| is_small(&place(index), bounds)) || self.local()?.whole_because().is_some() {
            let put = |index: usize, values: &mut [f32]| copy_rectangle(fill, values, &place(index), bounds);
            return self.each(count, unit, put, then);
        }
        let longest = |axis: usize| (0..count).map(|index| place(index)[axis].len()).max().unwrap_or(1);
        let most = self.at_once([longest(0).max(1), longest(1).max(1)])?;
        let mut told = 0;
        while told < count {
            let places: Vec<Rectangle> = (told..count.min(told + most)).map(&place).collect();
            let changed: Vec<bool> =
                places.iter().map(|place| differs_within(&self.original, fill, place, bounds)).collect();
            let within: Vec<Rectangle> =
                places.iter().zip(&changed).filter(|(_, changed)| **changed).map(|(place, _)| place.clone()).collect();
            let mut found = Vec::new();
            if !within.is_empty() {
                let (at, size) = rectangles(&within, bounds);
                let mut patches = Vec::with_capacity(at.len() * self.channels * size[0] * size[1]);
                for (at, within) in at.iter().zip(&within) {
                    patch(&self.original, Some((fill, within)), (*at, size), bounds, &mut patches);
                }
                let patches = self.tensor(patches, at.len(), size)?;
                let output = self.local()?.run(&at, &patches, &self.ask.control.quiet().batched())?;
                found = scores_of_output(self.ask, &output, unit)?;
            }
            let mut found = found.into_iter();
            for changed in changed {
                let score = if changed { found.next().unwrap_or(f64::NAN) } else { self.unchanged(unit)? };
                then(told, score)?;
                told += 1;
            }
            self.ask.control.set_progress(told as f32 / count as f32);
        }
        self.ask.control.set_progress(1.0);
        Ok(())
    }

    /// The score of one changed input.
    ///
    /// # Errors
    /// What a run can fail with, cancellation included.
    pub fn one(&self, values: &[f32], unit: Unit) -> Result<f64, ExplainError> {
        let found = scores(self.ask, INPUT, &self.tensor(values.to_vec(), 1, [self.rows, self.columns])?, unit)?;
        Ok(found.first().copied().unwrap_or(f64::NAN))
    }

    /// Runs those that wait together, and notes their scores.
    fn run(&self, waiting: Waiting, unit: Unit, scores_of: &mut [Option<f64>]) -> Result<(), ExplainError> {
        let (count, bounds) = (waiting.indices.len(), [self.rows, self.columns]);
        let found = if count == 0 {
            return Ok(());
        } else if waiting.within.is_empty() {
            scores(self.ask, INPUT, &self.tensor(waiting.values, count, bounds)?, unit)?
        } else {
            let (at, size) = rectangles(&waiting.within, bounds);
            let patches = self.tensor(waiting.patches(&at, size, bounds), count, size)?;
            let output = self.local()?.run(&at, &patches, &self.ask.control.quiet().batched())?;
            scores_of_output(self.ask, &output, unit)?
        };
        for (index, score) in waiting.indices.into_iter().zip(found) {
            scores_of[index] = Some(score);
        }
        Ok(())
    }

    /// The original's run.
    fn local(&self) -> Result<&Local, ExplainError> {
        if let Some(local) = self.local.get() {
            return Ok(local);
        }
        let graph = self.ask.graph();
        let input = self.ask.input()?;
        // As those that are compared with it, so that nothing but the change makes a difference.
        let control = self.ask.control.batched();
        let local = Local::new(graph, &input, graph.output(), MOST_BYTES, &control)?;
        if let Some(reason) = local.whole_because() {
            log::info!("Inputs that differ in a small box are run as a whole: {reason}");
        }
        Ok(self.local.get_or_init(|| local))
    }

    /// The score of an input that nothing has been changed in.
    fn unchanged(&self, unit: Unit) -> Result<f64, ExplainError> {
        let found = scores_of_output(self.ask, self.local()?.output(), unit)?;
        Ok(found.first().copied().unwrap_or(f64::NAN))
    }

    /// How many inputs that differ in a box of this size are run at once.
    fn at_once(&self, size: [usize; 2]) -> Result<usize, ExplainError> {
        let largest = self.local()?.cost(&[[0, 0]], size)?.largest;
        let fitting = usize::try_from(LOCAL_ELEMENTS / largest.max(1)).unwrap_or(LOCAL_BATCH);
        Ok(fitting.clamp(1, LOCAL_BATCH))
    }

    /// Pictures of these rows and columns as a batch, of the input's precision and on its device.
    fn tensor(&self, values: Vec<f32>, count: usize, [rows, columns]: [usize; 2]) -> Result<Tensor, ExplainError> {
        let batch = Tensor::from_vec(values, (count, self.channels, rows, columns), &Device::Cpu)?;
        Ok(batch.to_dtype(self.precision)?.to_device(&self.device)?)
    }
}
