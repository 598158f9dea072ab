//! Labels as conditions of policies ask for them.

use std::sync::Arc;

use domain::expression::{Object, Value};
use domain::label::Label;

/// Most things have none: those are one empty pointer.
#[derive(Debug, Clone, Default)]
pub(crate) struct Labels(Option<Arc<Vec<Label>>>);

/// Those of a caller who is nobody's here.
pub(crate) static NO_LABELS: Labels = Labels(None);

impl Labels {
    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_none()
    }
}

impl From<Vec<Label>> for Labels {
    fn from(mut source: Vec<Label>) -> Self {
        source.shrink_to_fit();
        Self((!source.is_empty()).then(|| Arc::new(source)))
    }
}

impl Object for Labels {
    fn field(&self, name: &str) -> Option<Value<'_>> {
        let mut all = self.0.as_deref()?.iter();
        let label = all.find(|label| label.name == name)?;
        Some(Value::text(&label.value))
    }
}
