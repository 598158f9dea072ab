//! Applications as their keys hold them: many together, as to count the holders of each of a million
//! would take a sixth of what they are.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use super::Application;

/// As many as are held together at most: they fill a block of the allocator.
const TOGETHER: usize = 16 * 1024 / size_of::<Application>();

const _: () = assert!(TOGETHER > 1 && TOGETHER <= 1 << u8::BITS);

/// Applications that were made together. What takes the place of one of them is not among them; it
/// stays until all have gone.
pub(crate) struct Together(Box<[Application]>);

impl Together {
    pub(crate) fn at(&self, index: u8) -> &Application {
        &self.0[usize::from(index)]
    }
}

/// It says how many they are: a key is told of with its own.
impl fmt::Debug for Together {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Together").field(&self.0.len()).finish()
    }
}

/// An application, shared with its keys.
#[derive(Debug, Clone)]
pub(crate) struct Held {
    pub(super) among: Arc<Together>,
    pub(super) index: u8,
}

impl Held {
    /// All of `applications`, in their order.
    pub(crate) fn all(applications: impl ExactSizeIterator<Item = Application>) -> Vec<Self> {
        let mut held = Vec::with_capacity(applications.len());
        let mut rest = applications;
        loop {
            let together: Box<[Application]> = rest.by_ref().take(TOGETHER).collect();
            if together.is_empty() {
                return held;
            }
            let indices = 0..together.len();
            let among = Arc::new(Together(together));
            held.extend(indices.map(|index| Self {
                among: among.clone(),
                index: index as u8,
            }));
        }
    }

    /// One for itself.
    pub(crate) fn alone(application: Application) -> Self {
        Self {
            among: Arc::new(Together(Box::new([application]))),
            index: 0,
        }
    }

    /// Whether both are one, and not only alike.
    #[cfg(test)]
    pub(crate) fn is(&self, other: &Self) -> bool {
        std::ptr::eq(&**self, &**other)
    }
}

impl Deref for Held {
    type Target = Application;

    fn deref(&self) -> &Application {
        self.among.at(self.index)
    }
}

/// Of a key that waits for its application.
impl Default for Held {
    fn default() -> Self {
        Self::alone(Application::default())
    }
}

#[cfg(test)]
mod tests {
    use domain::id::{ApplicationId, OrganizationId};

    use super::*;
    use crate::state::Labels;

    #[test]
    fn each_is_found_where_it_was_put() {
        let id = |index: usize| ApplicationId::from_name("application", &index.to_string());
        for count in [0, 1, 2, TOGETHER, TOGETHER + 1, 3 * TOGETHER - 1] {
            let made = (0..count).map(|index| {
                let (labels, access) = (Labels::default(), Vec::new());
                Application::new(id(index), OrganizationId::NIL, false, labels, access)
            });
            let held = Held::all(made);
            assert_eq!(held.len(), count);
            for (index, one) in held.iter().enumerate() {
                assert_eq!(one.id, id(index), "{index} of {count}");
                assert!(one.is(&one.clone()) && !one.is(&Held::default()));
            }
            let mut together: Vec<_> = held.iter().map(|one| Arc::as_ptr(&one.among)).collect();
            together.dedup();
            assert_eq!(together.len(), count.div_ceil(TOGETHER), "{count}");
        }
    }
}
