//! Matrix products in parts, each so short that a computation which has been cancelled stops soon.
//!
//! A single convolution of VGG16 takes a tenth of a second on two cores, so asking between layers is not enough. How
//! large a part is depends on shapes alone: the same question is computed in the same way on every machine.

use std::ops::Range;

use candle_core::{Result, Tensor};

use super::{super::Control, serve};

/// Multiplications of one part: 30 ms at 10 milliards of operations a second, which a single slow core does.
const MACS: usize = 1 << 27;

/// Elements of a large factor that one part reads (16 MiB of `f32`): a dense layer waits for memory.
const ELEMENTS: usize = 1 << 22;

/// `0 .. count` in ranges of which each takes no more than one part may, when one of the `count` takes `macs`
/// multiplications and reads `elements`. A range is never empty.
pub(super) fn parts(count: usize, macs: usize, elements: usize) -> impl Iterator<Item = Range<usize>> {
    let step = (MACS / macs.max(1)).min(ELEMENTS / elements.max(1)).clamp(1, count.max(1));
    (0..count).step_by(step).map(move |start| start..(start + step).min(count))
}

/// The product over the last two dimensions, `[…, rows, inner] · […, inner, columns]`; those before stretch over each
/// other. On the CPU part by part of the columns.
///
/// # Errors
/// When the tensor library fails, or cancellation.
pub(in crate::graph) fn matmul(a: &Tensor, b: &Tensor, control: &Control) -> Result<Tensor> {
    control.checked()?;
    let (last, inner, columns) = match *b.dims() {
        [.., inner, columns] if serve(a) => (b.rank() - 1, inner, columns),
        _ => return a.broadcast_matmul(b),
    };
    let batch = (b.elem_count() / (inner * columns).max(1)).max(1);
    let macs = a.elem_count().max(batch * inner);
    let mut products = Vec::new();
    for part in parts(columns, macs, batch * inner) {
        if part.len() == columns {
            return a.broadcast_matmul(b);
        }
        control.checked()?;
        products.push(a.broadcast_matmul(&b.narrow(last, part.start, part.len())?)?);
    }
    let Some(first) = products.first() else { return a.broadcast_matmul(b) };
    Tensor::cat(&products, first.rank() - 1)
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device};

    use super::*;
    use crate::graph::{
        kernels::conv,
        ops::{Conv2d, Sizes},
    };

    #[test]
    fn parts_cover_all_and_stay_small() {
        for (count, macs, elements) in
            [(512, 4608 * 455, 4608), (4096, 8 * 25_088, 25_088), (7, usize::MAX, 1), (1, 0, 0)]
        {
            let found: Vec<Range<usize>> = parts(count, macs, elements).collect();
            assert_eq!((found[0].start, found[found.len() - 1].end), (0, count));
            assert!(found.windows(2).all(|pair| pair[0].end == pair[1].start));
            let small =
                |part: &Range<usize>| part.len() == 1 || part.len() * macs <= MACS && part.len() * elements <= ELEMENTS;
            assert!(found.iter().all(small), "{count} {macs} {elements}");
        }
        assert_eq!(parts(0, 1, 1).count(), 0);
    }

    fn wave(shape: &[usize]) -> Tensor {
        let values = (0..shape.iter().product::<usize>()).map(|index| ((index * 37 % 101) as f32) / 50.0 - 1.0);
        Tensor::from_vec(values.collect(), shape, &Device::Cpu).unwrap()
    }

    #[test]
    fn a_product_in_parts_is_the_product() {
        // 2100 columns of 9000 are more than one part may read.
        for (a, b) in
            [(vec![3, 9000], vec![9000, 2100]), (vec![2, 3, 700], vec![700, 40_000]), (vec![2, 5, 4], vec![2, 4, 3])]
        {
            let (a, b) = (wave(&a), wave(&b));
            let control = Control::default();
            let whole = a.broadcast_matmul(&b).unwrap();
            let found = matmul(&a, &b, &control).unwrap();
            assert_eq!(found.dims(), whole.dims());
            let off = (&found - &whole).unwrap().abs().unwrap().flatten_all().unwrap().max(0).unwrap();
            assert!(off.to_scalar::<f32>().unwrap() < 1e-2, "{:?}", found.dims());
        }
        // Also of a transposed matrix, without a copy of it.
        let (a, b) = (wave(&[2, 9000]), wave(&[2100, 9000]).t().unwrap());
        assert_eq!(matmul(&a, &b, &Control::default()).unwrap().dims(), [2, 2100]);
    }

    fn convolution(channels: usize, kernel: usize, side: usize) -> (Conv2d, Tensor, Sizes) {
        let weight = wave(&[channels, channels, kernel, kernel]);
        let conv = Conv2d::new(weight, None).unwrap().padding([kernel / 2; 2]);
        let input = wave(&[1, channels, side, side]);
        let sizes = conv.sizes(input.dims()).unwrap();
        (conv, input, sizes)
    }

    /// Work is counted in questions: one comes before each part, and parts are small.
    #[test]
    fn a_cancelled_convolution_does_no_further_part() {
        // As VGG's largest layers: by strips of rows, by blocks of channels; and one of single places.
        for (channels, kernel, side) in [(64, 3, 112), (256, 3, 28), (512, 1, 40)] {
            let (conv, input, sizes) = convolution(channels, kernel, side);
            let gradient = wave(&[1, channels, side, side]);
            let macs = channels * channels * kernel * kernel * side * side;
            for back in [false, true] {
                let run = |control: &Control| {
                    if back {
                        conv::vjp(&conv, &gradient, sizes, control)
                    } else {
                        conv::forward(&conv, &input, sizes, control)
                    }
                };
                let control = Control::default();
                run(&control).unwrap();
                let all = control.checks();
                assert!(all > macs / MACS && all > 2, "{channels} channels: {all} parts");
                for before in [0, 1, all - 2] {
                    let control = Control::cancelled_after(before);
                    let error = run(&control).unwrap_err().to_string();
                    assert!(error.contains("Cancelled"), "{error}");
                    assert_eq!(control.checks(), before + 1, "{channels} channels of {all} parts");
                }
            }
        }
    }

    #[test]
    fn a_cancelled_product_does_no_further_part() {
        let (a, b) = (Tensor::ones((4, 9000), DType::F32, &Device::Cpu).unwrap(), wave(&[9000, 6000]));
        let control = Control::default();
        matmul(&a, &b, &control).unwrap();
        let all = control.checks();
        assert!(all > 3);
        let control = Control::cancelled_after(2);
        assert!(matmul(&a, &b, &control).is_err());
        assert_eq!(control.checks(), 3);
    }
}
