//! The exam over three planes: table, cells, linked positions, shares along the slices.

use glassbox::engine::exam::Cell;

use super::*;

/// The three planes with the demo's exam, all cells answered.
fn examined() -> Option<Harness<'static, App>> {
    let mut harness = explained()?;
    press(&mut harness, Key::F5);
    assert!(state(&harness).explain.exam.is_some(), "the demo's model belongs to an exam");
    wait(&mut harness, "the table", |app| {
        let rows = &app.facts().exam.rows;
        !rows.is_empty() && rows.iter().all(|row| row.combined.probability.is_some() && !row.combined.is_interim)
    });
    Some(harness)
}

#[test]
fn the_three_planes_of_the_demo_are_an_exam() {
    let Some(harness) = examined() else { return };
    let choice = state(&harness).explain.exam.as_ref().expect("it was chosen");
    assert_eq!((choice.exam.columns.len(), choice.matched()), (3, 3));
    for row in &harness.state().facts().exam.rows {
        let parts: Vec<f64> =
            row.cells.iter().filter_map(|cell| cell.result()).map(|result| f64::from(result.probability)).collect();
        let mean = parts.iter().sum::<f64>() / 3.0;
        assert!((row.combined.probability.expect("it is whole") - mean).abs() < 1e-9);
    }
    for name in ["Explain ACL tear", "Explain meniscal tear", "Series of coronal"] {
        assert!(harness.query_by_label(name).is_some(), "{name}");
    }
    assert!(harness.query_by_label_contains("ACL tear, combined:").is_some());
    let unnamed = harness.unnamed_widgets();
    assert!(unnamed.is_empty(), "{unnamed:?}");
}

#[test]
fn a_cell_leads_to_its_plane_and_the_slice_that_decided() {
    let Some(mut harness) = examined() else { return };
    for (task, column, slot) in [(1, 1, 2), (0, 0, 1), (1, 2, 3)] {
        let cell = harness.state().facts().exam.rows[task].cells[column].clone();
        let Cell::Ready(result) = cell else { panic!("{cell:?}") };
        let choice = state(&harness).explain.exam.clone().expect("it was chosen");
        let start = format!("{}, {}:", choice.exam.card.tasks[task].name, choice.exam.columns[column].name);
        harness.get_by_label_contains(&start).click();
        harness.run_steps(3);
        let state = state(&harness);
        assert_eq!(state.active_slot(), slot);
        assert_eq!(state.slots[slot].position, result.deciding_slice);
        assert_eq!(state.explain.exam.as_ref().map(|choice| choice.task), Some(task));
        let facts = harness.state().facts();
        for other in 1..=3 {
            assert_eq!(facts.slots[other].class, Some(result.class), "each plane is explained for the task's class");
        }
    }
}

#[test]
fn a_plane_can_be_another_series_and_the_card_s_again() {
    let Some(mut harness) = examined() else { return };
    let other = {
        let choice = state(&harness).explain.exam.as_ref().expect("it was chosen");
        choice.columns[2].uid().map(str::to_owned)
    };
    harness.state_mut().send(Command::SetExamSeries { column: 0, series: other.clone() });
    harness.run_steps(3);
    let choice = state(&harness).explain.exam.clone().expect("it is still chosen");
    assert_eq!(choice.columns[0].uid(), other.as_deref());
    assert!(choice.is_by_hand(0));
    harness.state_mut().send(Command::SetExamSeries { column: 0, series: None });
    harness.run_steps(3);
    let choice = state(&harness).explain.exam.clone().expect("it is still chosen");
    assert!(choice.columns[0].uid() != other.as_deref() && !choice.is_by_hand(0));
}

#[test]
fn choosing_a_model_leaves_the_exam_and_the_list_leads_back() {
    let Some(mut harness) = examined() else { return };
    click(&mut harness, "Model");
    click(&mut harness, "Knee phantom");
    assert!(state(&harness).explain.exam.is_none());
    assert!(harness.query_by_label("What the network says on each plane").is_some());
    click(&mut harness, "Model");
    assert!(harness.query_by_label("Exams").is_some());
    click(&mut harness, "Knee phantom, three planes");
    assert!(state(&harness).explain.exam.is_some());
}

#[test]
fn a_class_is_its_task() {
    let Some(mut harness) = examined() else { return };
    let classes = harness.state().facts().model.value.as_ref().expect("the model is here").classes.clone();
    for (class, name) in classes.iter().enumerate() {
        harness.state_mut().send(Command::SetClass(Some(class)));
        harness.run_steps(3);
        let choice = state(&harness).explain.exam.as_ref().expect("it is still chosen");
        assert_eq!(&choice.exam.card.tasks[choice.task].name, name);
        assert_eq!(harness.state().facts().slots[1].class, Some(class));
    }
}

#[test]
fn the_position_under_the_pointer_is_linked_without_a_click() {
    let Some(mut harness) = examined() else { return };
    let before: Vec<usize> = (1..=3).map(|slot| state(&harness).slots[slot].position).collect();
    let centre = harness.get_by_label_contains("Viewport 3:").rect().center();
    harness.event(egui::Event::PointerMoved(centre));
    harness.run_steps(3);
    let app = harness.state();
    let hovered = app.state().hovered.expect("the pointer is over the sagittal plane");
    assert_eq!(hovered.slot, 3);
    let (x, y) = (hovered.pixel.1 as f64 + 0.5, hovered.pixel.0 as f64 + 0.5);
    for slot in [1, 2] {
        let slice = app.state().slots[slot].slice().expect("a slice is in view");
        let linked = glassbox::viewer::linked::position(app.state(), slot, slice).expect("the planes meet");
        // Back from there the same way: the position lies as far off this slice as was said.
        let from = app.state().slots[3].slice().and_then(|slice| slice.geometry).expect("the demo has geometry");
        let own = slice.geometry.expect("the demo has geometry");
        let point = glassbox::viewer::anatomy::mm_from_slice(&from, x, y);
        let normal = glassbox::viewer::anatomy::normal(&own);
        let at = glassbox::viewer::anatomy::mm_from_slice(&own, f64::from(linked.at.0), f64::from(linked.at.1));
        for axis in 0..3 {
            let back = at[axis] + normal[axis] * linked.off_mm;
            assert!((back - point[axis]).abs() < 1e-3, "{back} {}", point[axis]);
        }
    }
    assert!(
        glassbox::viewer::linked::position(app.state(), 3, app.state().slots[3].slice().expect("in view")).is_none()
    );
    let after: Vec<usize> = (1..=3).map(|slot| state(&harness).slots[slot].position).collect();
    assert_eq!(before, after, "nothing moves without a click");
}

#[test]
fn the_button_beside_the_slices_leads_to_the_deciding_one() {
    let Some(mut harness) = explained() else { return };
    wait(&mut harness, "the stack", |app| app.facts().slots[0].deciding_slice().is_some());
    press(&mut harness, Key::Home);
    let deciding = harness.state().facts().slots[0].deciding_slice().expect("it is known");
    assert_ne!(deciding, 0, "the tear is not on the first slice");
    click(&mut harness, "Deciding slice");
    assert_eq!(state(&harness).active().position, deciding);
}
