//! Into and out of Winograd's domain.

use super::super::{
    Isa,
    after::Channels,
    image::{After, Cells, Target, View},
    isa::by_isa,
    lane::{LANE, Lane},
    micro::WIDTH,
};
use super::points::{Eight, Four, Points, Six};

/// The tiles of a batch: `out` × `out` pixels of the output each, `side` × `side` of the input.
#[derive(Debug, Clone, Copy)]
pub struct Tiles {
    /// A tile has as many points as pixels.
    pub side: usize,
    /// 2 or 4.
    pub out: usize,
    /// Tiles from top to bottom of a picture.
    pub down: usize,
    /// Tiles from left to right.
    pub across: usize,
    /// Rows and columns of the output.
    pub size: [usize; 2],
    /// Zeros before the input's rows and columns.
    pub padding: [usize; 2],
}

impl Tiles {
    /// A tile's picture, and the output pixel in its corner.
    fn place(self, tile: usize) -> (usize, usize, usize) {
        let of_picture = tile % (self.down * self.across);
        (tile / (self.down * self.across), of_picture / self.across * self.out, of_picture % self.across * self.out)
    }
}

/// Where a tile's transformed input goes: the channels at one point lie side by side, the points `plane` apart.
#[derive(Debug, Clone, Copy)]
pub struct Transform {
    pub cells: Cells,
    pub plane: usize,
    pub offset: usize,
}

/// Where a tile's products with a panel lie, and what becomes of them.
#[derive(Debug, Clone, Copy)]
pub struct Finish<'a> {
    pub plane: usize,
    pub offset: usize,
    pub panel: usize,
    pub after: After<'a>,
    pub pool: bool,
}

/// Transforms one tile of the input; beyond the picture there are zeros.
///
/// # Safety
/// At each of the points, `to` must have room for the input's channels filled up to whole lanes, which nobody else
/// uses; the processor must have the instructions.
pub unsafe fn input(isa: Isa, input: View, tiles: Tiles, tile: usize, to: Transform) {
    // SAFETY: the caller's.
    unsafe {
        match tiles.side {
            4 => input_by::<Four, 4, 2>(isa, input, tiles, tile, to),
            6 => input_by::<Six, 6, 4>(isa, input, tiles, tile, to),
            _ => input_by::<Eight, 8, 4>(isa, input, tiles, tile, to),
        }
    }
}

unsafe fn input_by<P: Points<SIDE, OUT>, const SIDE: usize, const OUT: usize>(
    isa: Isa,
    input: View,
    tiles: Tiles,
    tile: usize,
    to: Transform,
) {
    // SAFETY: the caller's.
    unsafe {
        by_isa!(isa => input_in[P: Points<SIDE, OUT>, const SIDE: usize, const OUT: usize][P, SIDE, OUT](
            input: View,
            tiles: Tiles,
            tile: usize,
            to: Transform,
        ));
    }
}

/// Transforms one tile's products with a panel back, adds what comes after and stores the pixels.
///
/// # Safety
/// Nobody else may use the panel's channels of the tile's pixels; the processor must have the instructions.
pub unsafe fn output(isa: Isa, product: &[f32], tiles: Tiles, tile: usize, from: Finish, output: Target) {
    let last = from.offset + (tiles.side * tiles.side - 1) * from.plane + WIDTH;
    assert!(product.len() >= last, "products are missing");
    // SAFETY: the products have just been checked, the rest is the caller's.
    unsafe {
        match tiles.side {
            4 => output_by::<Four, 4, 2>(isa, product, tiles, tile, from, output),
            6 => output_by::<Six, 6, 4>(isa, product, tiles, tile, from, output),
            _ => output_by::<Eight, 8, 4>(isa, product, tiles, tile, from, output),
        }
    }
}

unsafe fn output_by<P: Points<SIDE, OUT>, const SIDE: usize, const OUT: usize>(
    isa: Isa,
    product: &[f32],
    tiles: Tiles,
    tile: usize,
    from: Finish,
    output: Target,
) {
    // SAFETY: the caller's.
    unsafe {
        by_isa!(isa => output_in[P: Points<SIDE, OUT>, const SIDE: usize, const OUT: usize][P, SIDE, OUT](
            product: &[f32],
            tiles: Tiles,
            tile: usize,
            from: Finish,
            output: Target,
        ));
    }
}

/// A pixel without channels, for what lies beyond the picture.
const BEYOND: [f32; LANE] = [0.0; LANE];

// The two below are loops all through, without closures: a closure would be compiled for the processor's least
// instructions.

#[inline(always)]
unsafe fn input_in<L: Lane, P: Points<SIDE, OUT>, const SIDE: usize, const OUT: usize>(
    input: View,
    tiles: Tiles,
    tile: usize,
    to: Transform,
) {
    let (picture, top, left) = tiles.place(tile);
    // Where each of the tile's pixels is, and whether its address moves on with the channels: beyond the picture the
    // same zeros are read again and again.
    let mut pixels = [[(BEYOND.as_ptr(), 0); SIDE]; SIDE];
    for (r, line) in pixels.iter_mut().enumerate() {
        let row = (top + r).wrapping_sub(tiles.padding[0]);
        for (c, pixel) in line.iter_mut().enumerate() {
            let column = (left + c).wrapping_sub(tiles.padding[1]);
            if row < input.rows && column < input.columns {
                *pixel = (input.values[input.at(picture, row, column)..].as_ptr(), 1);
            }
        }
    }
    for channel in (0..input.channels).step_by(LANE) {
        let count = LANE.min(input.channels - channel);
        let mut half = [[L::splat(0.0); SIDE]; SIDE];
        for c in 0..SIDE {
            let mut column = [L::splat(0.0); SIDE];
            for (lane, line) in column.iter_mut().zip(&pixels) {
                let (pixel, moves) = line[c];
                // What the next tile has besides, as far as there is one on the right: the way through a picture leads
                // over too many rows for the processor to see it coming.
                if c >= SIDE - OUT {
                    L::ask(pixel.wrapping_add(OUT * input.pixel * moves + channel));
                }
                // SAFETY: a pixel in the picture has these channels (`View::check`); of zeros there is a whole lane.
                *lane = unsafe { L::load_some(pixel.add(channel * moves), count) };
            }
            let column = P::of_input(column);
            for r in 0..SIDE {
                half[r][c] = column[r];
            }
        }
        for (r, line) in half.into_iter().enumerate() {
            let line = P::of_input(line);
            for (c, lane) in line.into_iter().enumerate() {
                let offset = to.offset + (r * SIDE + c) * to.plane + channel;
                // SAFETY: the caller gives room for whole lanes.
                unsafe { lane.store(to.cells.pointer(offset, LANE)) };
            }
        }
    }
}

#[inline(always)]
unsafe fn output_in<L: Lane, P: Points<SIDE, OUT>, const SIDE: usize, const OUT: usize>(
    product: &[f32],
    tiles: Tiles,
    tile: usize,
    from: Finish,
    output: Target,
) {
    let (picture, top, left) = tiles.place(tile);
    let [rows, columns] = [OUT.min(tiles.size[0] - top), OUT.min(tiles.size[1] - left)];
    let Finish { plane, offset, panel, after, pool } = from;
    for part in (0..WIDTH).step_by(LANE) {
        let channel = panel * WIDTH + part;
        if channel >= output.channels {
            return;
        }
        let count = LANE.min(output.channels - channel);
        let mut half = [[L::splat(0.0); SIDE]; OUT];
        for c in 0..SIDE {
            let mut column = [L::splat(0.0); SIDE];
            for (r, lane) in column.iter_mut().enumerate() {
                // SAFETY: `output` has checked the length.
                *lane = unsafe { L::load(product.as_ptr().add(offset + (r * SIDE + c) * plane + part)) };
            }
            let column = P::of_product(column);
            for r in 0..OUT {
                half[r][c] = column[r];
            }
        }
        // SAFETY: the caller's.
        let channels = unsafe { Channels::<L>::new(after, channel, count) };
        let mut pixels = [[L::splat(0.0); OUT]; OUT];
        for (r, (pixels, half)) in pixels.iter_mut().zip(half).enumerate() {
            let line = P::of_product(half);
            for (c, (pixel, lane)) in pixels.iter_mut().zip(line).enumerate() {
                // Beyond the picture nothing is stored.
                if r < rows && c < columns {
                    let place = (picture * tiles.size[0] + top + r) * tiles.size[1] + left + c;
                    // SAFETY: the caller's.
                    *pixel = unsafe { channels.finish(lane, place) };
                }
            }
        }
        if pool {
            for r in 0..rows / 2 {
                for c in 0..columns / 2 {
                    let above = pixels[2 * r][2 * c].largest(pixels[2 * r][2 * c + 1]);
                    let below = pixels[2 * r + 1][2 * c].largest(pixels[2 * r + 1][2 * c + 1]);
                    let offset = output.at(picture, top / 2 + r, left / 2 + c) + channel;
                    // SAFETY: the pixel lies in the output, and the caller owns these channels of it.
                    unsafe { above.largest(below).store_some(output.cells.pointer(offset, count), count) };
                }
            }
        } else {
            for (r, line) in pixels.iter().enumerate().take(rows) {
                for (c, lane) in line.iter().enumerate().take(columns) {
                    let offset = output.at(picture, top + r, left + c) + channel;
                    // SAFETY: as above.
                    unsafe { lane.store_some(output.cells.pointer(offset, count), count) };
                }
            }
        }
    }
}
