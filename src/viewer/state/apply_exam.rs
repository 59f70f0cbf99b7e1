//! What an exam changes of what is shown.

use std::sync::Arc;

use super::{ExamChoice, Layout, PLANE_SLOTS, SeriesHandle, State, Surroundings};
use crate::model::Exam;
use crate::model::exam::Judged;
use crate::study::{Plane, Study};
use crate::viewer::command::Tool;

impl State {
    /// The study in view.
    pub(super) fn study(&self) -> Option<Arc<Study>> {
        self.slots[0].series.as_ref().map(|series| Arc::clone(&series.study))
    }

    pub(super) fn set_exam(&mut self, exam: Option<Arc<Exam>>) {
        let is_same =
            self.explain.exam.as_ref().map(|choice| &choice.exam.path) == exam.as_ref().map(|exam| &exam.path);
        if is_same {
            return;
        }
        let study = self.study();
        self.explain.exam = exam.map(|exam| ExamChoice::new(exam, study.as_ref()));
        self.forget_network();
        if self.explain.exam.is_some() {
            self.fill_planes();
        }
    }

    /// In the three planes the exam that the chosen model belongs to, where it has at least two planes of the study;
    /// the class that is explained stays explained.
    pub(super) fn choose_exam(&mut self, around: &Surroundings<'_>) {
        let Some(model) = self.explain.model.clone() else { return };
        let study = self.study();
        let exams = around.catalogue.exams.iter().filter_map(|entry| entry.exam.as_ref().ok());
        let mut with_model = exams.filter(|exam| exam.cards().contains(&model.0.as_path()));
        let choice = with_model.find_map(|exam| {
            let choice = ExamChoice::new(Arc::clone(exam), study.as_ref());
            (choice.matched() >= 2).then_some(choice)
        });
        let Some(choice) = choice else { return };
        self.explain.exam = Some(choice);
        self.fill_planes();
        if let Some(task) = around.class.and_then(|class| self.task_of(class, around.classes)) {
            self.set_task(task);
        }
    }

    pub(super) fn set_task(&mut self, task: usize) {
        let before = self.model_of(self.active_slot());
        let Some(choice) = &mut self.explain.exam else { return };
        if task >= choice.exam.card.tasks.len() {
            return;
        }
        choice.task = task;
        self.explain.class = None;
        self.explain.against = None;
        if self.model_of(self.active_slot()) != before {
            self.layer_tree = None;
        }
    }

    /// The task that a class of the active slot's model speaks for.
    pub(super) fn task_of(&self, class: usize, classes: &[String]) -> Option<usize> {
        let choice = self.explain.exam.as_ref()?;
        let (member, _) = choice.member_for(self.active().series())?;
        let tasks = &choice.exam.card.tasks;
        let speaks = |judged: &&Judged| {
            tasks.get(judged.task).and_then(|task| judged.class_index(&task.name, classes)) == Some(class)
        };
        member.judged.iter().find(speaks).map(|judged| judged.task)
    }

    /// Matches the exam again to the study in view.
    pub(super) fn follow_exam(&mut self) {
        let study = self.study();
        if let Some(choice) = &mut self.explain.exam {
            choice.follow(study.as_ref());
        }
    }

    /// A series that is chosen in the browser takes its plane's place in the exam.
    pub(super) fn assign_shown(&mut self) {
        let study = self.study();
        let Some(choice) = &mut self.explain.exam else { return };
        let Some(series) = self.slots[0].series() else { return };
        if choice.column_of(&series.uid).is_none()
            && let Some(column) = choice.column_for(series)
        {
            let uid = series.uid.clone();
            choice.assign(column, Some(uid), study.as_ref());
        }
    }

    /// Each plane slot shows a series of the exam where there is one of its plane.
    pub(super) fn fill_exam_planes(&mut self) {
        let Some(choice) = &self.explain.exam else { return };
        let of_exam: Vec<SeriesHandle> = choice.columns.iter().filter_map(|column| column.series.clone()).collect();
        for (slot, plane) in PLANE_SLOTS.zip([Plane::Axial, Plane::Coronal, Plane::Sagittal]) {
            let fits = |series: &&SeriesHandle| series.series().is_some_and(|series| series.likely_plane() == plane);
            let shown = self.slots[slot].series.as_ref();
            if of_exam.iter().filter(fits).any(|series| shown.is_some_and(|shown| shown.is(series))) {
                continue;
            }
            if let Some(series) = of_exam.iter().find(fits) {
                self.slots[slot].show(series.clone());
            }
        }
    }

    /// Shows the series of a column in its plane's slot, or in the main one outside of the three-plane layout; gives
    /// the slot.
    pub(super) fn show_column(&mut self, column: usize) -> Option<usize> {
        let series = self.explain.exam.as_ref()?.columns.get(column)?.series.clone()?;
        let slot = if self.layout == Layout::Planes {
            match series.series()?.likely_plane() {
                Plane::Coronal => 2,
                Plane::Sagittal => 3,
                _ => 1,
            }
        } else {
            0
        };
        if !self.slots[slot].series.as_ref().is_some_and(|shown| shown.is(&series)) {
            self.slots[slot].show(series);
        }
        Some(slot)
    }

    pub(super) fn show_cell(&mut self, task: usize, column: usize, slice: Option<usize>) {
        self.set_task(task);
        let Some(slot) = self.show_column(column) else { return };
        if let Some(tile) = self.layout.tiles().iter().position(|tile| tile.slot == slot && tile.content.is_picture()) {
            self.active_tile = tile;
        }
        if let Some(slice) = slice {
            self.slots[slot].go_to(slice);
        }
    }

    /// What was chosen of one network means nothing to another.
    pub(super) fn forget_network(&mut self) {
        self.explain.layer = None;
        self.explain.activation_layer = None;
        self.inside.leave_layer();
        self.explain.class = None;
        self.explain.against = None;
        self.layer_tree = None;
        self.density.classes = None;
        if self.tool == Tool::Region {
            self.tool = Tool::Window;
        }
    }
}
