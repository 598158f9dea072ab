//! Applications as their keys hold them: those of an organization together, as to count the holders
//! of each of a million, and to say whose it is, would take a third of all that there is of them.

use std::fmt;
use std::mem;
use std::ops::Deref;
use std::sync::Arc;

use domain::id::OrganizationId;

use super::Application;

/// As many as are held together at most. With what the allocator needs to align them they fill one of
/// its blocks.
const TOGETHER: usize = 16 * 1024 / size_of::<Application>() - 1;

const _: () = assert!(TOGETHER <= 1 << u8::BITS);

/// Applications of one organization that were made together. What takes the place of one of them is
/// not among them; it stays until all have gone.
pub(crate) struct Together {
    pub(super) organization: OrganizationId,
    all: Box<[Application]>,
}

impl Together {
    pub(super) fn at(&self, index: u8) -> &Application {
        &self.all[usize::from(index)]
    }
}

/// How many they are: each is told of with its keys.
impl fmt::Debug for Together {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { organization, all } = self;
        f.debug_struct("Together")
            .field("organization", organization)
            .field("all", &all.len())
            .finish()
    }
}

/// An application, shared with its keys.
#[derive(Clone)]
pub(crate) struct Held {
    pub(super) among: Arc<Together>,
    pub(super) index: u8,
}

impl Held {
    /// All of `applications`, in their order.
    pub(crate) fn all(
        applications: impl Iterator<Item = (OrganizationId, Application)>,
    ) -> Vec<Self> {
        let (whose, mut made): (Vec<OrganizationId>, Vec<Application>) = applications.unzip();
        let mut places: Vec<usize> = (0..made.len()).collect();
        // Mostly they are in this order, or many are of the same.
        places.sort_by_key(|place| whose[*place]);
        let mut held = vec![None; made.len()];
        let own = places.chunk_by(|one, other| whose[*one] == whose[*other]);
        for places in own.flat_map(|own| own.chunks(TOGETHER)) {
            let all = places.iter();
            let among = Arc::new(Together {
                organization: whose[places[0]],
                all: all.map(|place| mem::take(&mut made[*place])).collect(),
            });
            for (index, place) in places.iter().enumerate() {
                held[*place] = Some(Self {
                    among: among.clone(),
                    index: index as u8,
                });
            }
        }
        held.into_iter().flatten().collect()
    }

    /// One for itself.
    pub(crate) fn alone(organization: OrganizationId, application: Application) -> Self {
        Self {
            among: Arc::new(Together {
                organization,
                all: Box::new([application]),
            }),
            index: 0,
        }
    }

    /// Whose it is.
    pub(crate) fn organization(&self) -> OrganizationId {
        self.among.organization
    }

    /// Whether both are one, and not only alike.
    #[cfg(test)]
    pub(crate) fn is(&self, other: &Self) -> bool {
        std::ptr::eq(&**self, &**other)
    }
}

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
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
        Self::alone(OrganizationId::NIL, Application::default())
    }
}

#[cfg(test)]
mod tests {
    use domain::id::ApplicationId;

    use super::*;
    use crate::state::Labels;

    #[test]
    fn each_is_found_where_it_was_put_with_whose_it_is() {
        let id = |index: usize| ApplicationId::from_name("application", &index.to_string());
        let organization = |of: usize| OrganizationId::from_name("organization", &of.to_string());
        for (count, organizations) in [
            (0, 1),
            (1, 1),
            (2, 1),
            (TOGETHER, 1),
            (TOGETHER + 1, 1),
            (3 * TOGETHER - 1, 1),
            (2 * TOGETHER, 2),
            (2 * TOGETHER + 1, 2),
            (100, 7),
            (100, 100),
        ] {
            let made = (0..count).map(|index| {
                let application = Application::new(id(index), false, Labels::default(), Vec::new());
                (organization(index % organizations), application)
            });
            let held = Held::all(made);
            assert_eq!(held.len(), count);
            for (index, one) in held.iter().enumerate() {
                assert_eq!(one.id, id(index), "{index} of {count}");
                assert_eq!(one.organization(), organization(index % organizations));
                assert!(one.is(&one.clone()) && !one.is(&Held::default()));
            }
            let mut together: Vec<_> = held.iter().map(|one| Arc::as_ptr(&one.among)).collect();
            together.sort_unstable();
            together.dedup();
            let of = |one: usize| (count + organizations - 1 - one) / organizations;
            let expected = (0..organizations).map(|one| of(one).div_ceil(TOGETHER));
            assert_eq!(together.len(), expected.sum::<usize>(), "{count}");
        }
    }
}
