//! Many changed inputs through the network.

use candle_core::{DType, Device, Tensor};

use super::super::{
    Ask, ExplainError,
    runs::batch_size,
    score::{Unit, scores},
};
use crate::graph::INPUT;

/// Changed versions of the explained input, scored in their order.
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
        Ok(Self { ask, channels, rows, columns, original, precision: input.dtype(), device, batch })
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
        let size = self.original.len();
        for start in (0..count).step_by(self.batch) {
            self.ask.control.check().map_err(crate::graph::GraphError::from)?;
            let end = (start + self.batch).min(count);
            let mut values = Vec::with_capacity((end - start) * size);
            for index in start..end {
                let offset = values.len();
                values.extend_from_slice(&self.original);
                change(index, &mut values[offset..]);
            }
            let shape = (end - start, self.channels, self.rows, self.columns);
            let batch = Tensor::from_vec(values, shape, &Device::Cpu)?.to_dtype(self.precision)?;
            let found = scores(self.ask, INPUT, &batch.to_device(&self.device)?, unit)?;
            for (index, score) in (start..end).zip(found) {
                then(index, score)?;
            }
            self.ask.control.set_progress(end as f32 / count as f32);
        }
        self.ask.control.set_progress(1.0);
        Ok(())
    }

    /// The score of one changed input.
    ///
    /// # Errors
    /// What a run can fail with, cancellation included.
    pub fn one(&self, values: &[f32], unit: Unit) -> Result<f64, ExplainError> {
        let shape = (1, self.channels, self.rows, self.columns);
        let input = Tensor::from_slice(values, shape, &Device::Cpu)?.to_dtype(self.precision)?;
        let found = scores(self.ask, INPUT, &input.to_device(&self.device)?, unit)?;
        Ok(found.first().copied().unwrap_or(f64::NAN))
    }
}
