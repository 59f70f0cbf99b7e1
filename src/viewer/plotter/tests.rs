use super::*;
use crate::uncertainty::{Summary, Verdict};

/// Two classes; the first one's probabilities are given.
fn result(first: &[f32]) -> Arc<UncertaintyResult> {
    let probabilities: Vec<f32> = first.iter().flat_map(|p| [*p, 1.0 - *p]).collect();
    let of_class = |class: usize| -> Vec<f32> { probabilities.iter().skip(class).step_by(2).copied().collect() };
    Arc::new(UncertaintyResult {
        passes: first.len(),
        summary: Summary::of(&probabilities, 2),
        densities: (0..2).map(|class| Density::of(&of_class(class))).collect(),
        point: vec![first[0], 1.0 - first[0]],
        probabilities,
        exact: None,
        verdict: Verdict::default(),
    })
}

fn spread(count: usize) -> Vec<f32> {
    (0..count).map(|index| 0.2 + 0.6 * (index as f32 + 0.5) / count as f32).collect()
}

fn order(result: &Arc<UncertaintyResult>) -> Order {
    Order { result: Arc::clone(result), classes: vec![0, 1], bandwidth: None, histogram: false, rug: false }
}

fn area(outline: &[[f64; 2]]) -> f64 {
    outline.windows(2).map(|pair| (pair[1][0] - pair[0][0]) * f64::midpoint(pair[0][1], pair[1][1])).sum()
}

#[test]
fn outlines_are_short_and_keep_their_area() {
    let result = result(&spread(200));
    for (histogram, bandwidth) in [(false, None), (false, Some(0.05)), (false, Some(0.002)), (true, None)] {
        let drawing = Drawing::of(&Order { histogram, bandwidth, rug: true, ..order(&result) });
        for class in &drawing.classes {
            // Half the limit of a plot for one of the classes of one of two images.
            assert!(class.outline.len() <= 512, "{}", class.outline.len());
            let area = area(&class.outline);
            assert!((area - 1.0).abs() < 3e-3, "{area} with {bandwidth:?}, histogram {histogram}");
            assert!(class.rug.len() <= TICKS && class.rug.iter().all(|tick| (0.0..=1.0).contains(tick)));
            assert!(!class.rug.is_empty());
        }
    }
}

#[test]
fn a_smooth_curve_takes_few_points_and_a_needle_keeps_its_height() {
    let smooth = Drawing::of(&order(&result(&spread(1000))));
    assert!(smooth.classes[0].outline.len() < 200, "{}", smooth.classes[0].outline.len());
    let result = result(&[0.5; 20]);
    let needle = Drawing::of(&order(&result));
    let highest = result.densities[0].y.iter().copied().fold(0.0, f32::max);
    let kept = needle.classes[0].outline.iter().fold(0.0_f64, |top, point| top.max(point[1]));
    assert!((kept - f64::from(highest)).abs() < 1e-6);
}

#[test]
fn a_needle_does_not_flatten_what_stands_beside_it() {
    let drawings = [Drawing::of(&order(&result(&spread(100)))), Drawing::of(&order(&result(&[0.9; 100])))];
    let flattest = drawings[0].classes.iter().map(|class| class.top).fold(f64::INFINITY, f64::min);
    let height = Drawing::height(drawings.iter());
    assert!(height <= 8.0 * flattest + 1e-9 && height > flattest);
    assert!(Drawing::height(std::iter::empty()) > 0.0);
}

#[test]
fn the_exact_curve_of_one_sigmoid_replaces_the_estimate_and_is_mirrored_for_the_opposite() {
    let mut with_exact = (*result(&spread(100))).clone();
    with_exact.exact = Some(LogitNormal { mean: 1.0, std: 0.5 });
    let drawing = Drawing::of(&order(&Arc::new(with_exact)));
    let [no, yes] = &drawing.classes[..] else { panic!("two classes") };
    assert!(no.kind == Kind::Exact && yes.kind == Kind::Exact);
    // The median of the sigmoid is the sigmoid of the median.
    let sigmoid = 1.0 / (1.0 + (-1.0_f32).exp());
    assert!((yes.numbers.median - sigmoid).abs() < 1e-4, "{}", yes.numbers.median);
    assert!((no.numbers.median - (1.0 - sigmoid)).abs() < 1e-4);
    assert!((no.numbers.mean + yes.numbers.mean - 1.0).abs() < 1e-4);
}

#[test]
fn the_newest_order_is_drawn_and_known_ones_come_at_once() {
    let mut plotter = Plotter::start(|| {}).expect("a thread");
    let result = result(&spread(50));
    assert!(plotter.drawing(Seat::InView, Some(order(&result))).is_none());
    let wait = |plotter: &mut Plotter, order: &Order| {
        let started = Instant::now();
        loop {
            plotter.take_finished();
            if let Some((drawing, true)) = plotter.drawing(Seat::InView, Some(order.clone())) {
                return drawing;
            }
            assert!(started.elapsed() < Duration::from_mins(1), "nothing was drawn");
            std::thread::sleep(Duration::from_millis(2));
        }
    };
    let first = wait(&mut plotter, &order(&result));
    let wider = Order { bandwidth: Some(0.1), ..order(&result) };
    let (stand_in, is_current) = plotter.drawing(Seat::InView, Some(wider.clone())).expect("the last one stands in");
    assert!(!is_current && Arc::ptr_eq(&stand_in, &first));
    assert_eq!(wait(&mut plotter, &wider).classes[0].kind, Kind::Kernels(0.1));
    assert!(plotter.drawing(Seat::InView, Some(order(&result))).is_some_and(|(_, is_current)| is_current));
    plotter.forget(Seat::InView);
    let other = Order { classes: vec![1], ..order(&result) };
    assert!(plotter.drawing(Seat::InView, Some(other)).is_none(), "nothing stands in for it");
}
