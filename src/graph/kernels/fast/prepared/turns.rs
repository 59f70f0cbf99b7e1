//! Some pictures after the other through a convolution and a pooling that the convolution's kernel does not do by itself.

use candle_core::{Result, Tensor, bail};

use super::{
    super::{
        super::{
            buffers,
            memory::{self, Order},
        },
        Isa,
        image::{Target, View},
        layout::Edges,
        pooled,
    },
    Extras, Prepared, SQUARES, Weights,
};
use crate::graph::{Control, ops::MaxPool2d};

/// Elements that are convolved before they are pooled, for each thread (1.5 MiB): they are still near then, and so is what
/// is split into phases before.
const TURN: usize = 3 << 17;

/// So many weights for each of these elements at most: all of them are read in each turn.
const WEIGHTS_PER_ELEMENT: usize = 2;

impl Prepared {
    /// How many pictures go together where this pooling of so many rows and columns goes by turns; `None` where the kernel
    /// does it.
    pub(super) fn turn(&self, pool: &MaxPool2d, size: [usize; 2], batch: usize) -> Option<usize> {
        let (Weights::Winograd(weights) | Weights::Phases(_, weights)) = &self.weights else { return None };
        let elements = (TURN * rayon::current_num_threads()).max(weights.elements() / WEIGHTS_PER_ELEMENT);
        let most = (elements / (size[0] * size[1] * self.outputs).max(1)).max(1);
        // Nearly as many in each turn.
        (*pool != SQUARES).then(|| batch.div_ceil(batch.div_ceil(most).max(1)).max(1))
    }

    /// Convolves to `size`, rows and columns, and pools that to the output, `together` pictures at a time, in memory that
    /// serves the next ones.
    ///
    /// # Errors
    /// When the tensor library fails, on cancellation before the last pictures have been convolved, or when there is a
    /// residual, which would have to go by turns as well.
    #[expect(clippy::too_many_arguments, reason = "each is a thing of its own")]
    pub(super) fn by_turns(
        &self,
        input: &Tensor,
        edges: Edges,
        extras: Extras,
        pool: &MaxPool2d,
        together: usize,
        size: [usize; 2],
        output: Target,
        control: &Control,
    ) -> Result<()> {
        if extras.residual.is_some() {
            bail!("a residual does not go by turns");
        }
        let extras = Extras { pool: None, ..extras };
        for first in (0..output.batch).step_by(together) {
            let count = together.min(output.batch - first);
            let convolved = self.run(&input.narrow(0, first, count)?, edges, extras, control)?;
            memory::read_as(&convolved, Order::Last, |values: &[f32]| {
                let view = View::new(values, [count, size[0], size[1], self.outputs]);
                pooled::pool(Isa::best(), view, pool, first, output, control);
                Ok(())
            })?;
            buffers::give_tensor(&convolved)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;
    use crate::graph::{
        Op,
        kernels::fast::{edges_of, tests::noise},
        ops::Conv2d,
    };

    /// Convolved and pooled by turns, whole ones or not, are the numbers of one after the other, however the pictures lie,
    /// a NaN included.
    #[test]
    fn turns_change_nothing() {
        // Turns grow with the threads.
        let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap();
        pool.install(|| {
            for (batch, [inputs, outputs], side, [kernel, step]) in
                [(32, [16, 32], 40, [3, 1]), (30, [3, 32], 170, [11, 4]), (1, [32, 40], 15, [5, 1])]
            {
                agree(batch, [inputs, outputs], side, [kernel, step]);
            }
        });
    }

    fn agree(batch: usize, [inputs, outputs]: [usize; 2], side: usize, [kernel, step]: [usize; 2]) {
        let tensor =
            |shape: &[usize], seed| Tensor::from_vec(noise(shape.iter().product(), seed), shape, &Device::Cpu).unwrap();
        let mut values = noise(batch * inputs * side * side, 1);
        values[side * side / 2] = f32::NAN;
        let first = Tensor::from_vec(values, (batch, inputs, side, side), &Device::Cpu).unwrap();
        let last = memory::channels_last(&first).unwrap();
        let conv = Conv2d::new(tensor(&[outputs, inputs, kernel, kernel], 2), Some(tensor(&[outputs], 3))).unwrap();
        let conv = conv.stride([step; 2]).padding([kernel / 2; 2]);
        let control = Control::default();
        let prepared = conv.prepared(&first, &control).unwrap().unwrap();
        let (scale, shift) = (tensor(&[outputs], 4), tensor(&[outputs], 5));
        let extras = Extras { norm: Some((&scale, &shift)), limits: Some((0.0, f32::INFINITY)), ..Extras::default() };
        let convolved = prepared.run(&first, edges_of(&conv), extras, &control).unwrap();
        let (_, _, rows, columns) = convolved.dims4().unwrap();
        let bits = |tensor: &Tensor| -> Vec<u32> {
            tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap().into_iter().map(f32::to_bits).collect()
        };
        for pool in [MaxPool2d::square(3, 2, 1, true), MaxPool2d::square(3, 1, 0, false)] {
            assert!(prepared.pools(&pool, [rows, columns], false) && !prepared.pools(&pool, [rows, columns], true));
            let together = prepared.turn(&pool, [rows, columns], batch).unwrap();
            assert!(together < batch || batch == 1, "{batch} in one turn");
            let expected = bits(&pool.forward(&[&convolved], false).unwrap().output);
            assert!(expected.iter().any(|bits| f32::from_bits(*bits).is_nan()), "the NaN is lost");
            let pooled = Extras { pool: Some(&pool), ..extras };
            for input in [&first, &last] {
                let found = prepared.run(input, edges_of(&conv), pooled, &control).unwrap();
                assert_eq!(found.dims()[2..], pool.output([rows, columns]).unwrap());
                assert_eq!(bits(&found), expected, "{batch} {kernel} {pool:?}");
            }
            let residual = Extras { residual: Some(&convolved), ..pooled };
            assert!(prepared.run(&first, edges_of(&conv), residual, &control).is_err(), "a residual by turns");
            let cancelled = Control::default();
            cancelled.cancel();
            assert!(prepared.run(&first, edges_of(&conv), pooled, &cancelled).is_err());
        }
    }
}
