//! What people write about an API, checked in one place for creating, editing and importing.

use domain::api::Visibility;
use domain::label::{self, Label};
use domain::name::{DisplayName, Slug};
use domain::policy::{AttachPoint, Policy, check_all};
use domain::wire::apis::{CreateApi, EditApi, MAX_DESCRIPTION, MAX_TAGS};
use entity::api;
use entity::row::write_json;

use crate::check::Check;
use crate::error::{Error, Result};

/// Longest summary in characters.
const SUMMARY: usize = 200;
/// How much of the description the catalog searches, in characters.
const SEARCHED: usize = 2000;

#[derive(Debug, Clone)]
pub(crate) struct Written {
    pub(crate) name: String,
    /// `None`: proposed from the name.
    pub(crate) slug: Option<Slug>,
    pub(crate) description: String,
    pub(crate) category: String,
    pub(crate) tags: Vec<String>,
    pub(crate) labels: Vec<Label>,
    pub(crate) visibility: Visibility,
}

impl Written {
    pub(crate) fn check(input: CreateApi) -> Result<Self> {
        let slug = input.slug.filter(|slug| !slug.is_empty());
        Self::checked(
            &input.name,
            slug.as_deref(),
            None,
            &input.description,
            &input.category,
            input.tags,
            input.labels,
            input.visibility,
        )
    }

    /// The row with what the input says anew.
    pub(crate) fn edited(row: &api::Model, input: &EditApi) -> Result<Self> {
        let tags = match &input.tags {
            Some(tags) => tags.clone(),
            None => row.tags()?,
        };
        let labels = match &input.labels {
            Some(labels) => labels.clone(),
            None => row.labels()?,
        };
        Self::checked(
            input.name.as_deref().unwrap_or(&row.name),
            Some(input.slug.as_deref().unwrap_or(&row.slug)),
            Some(&row.slug),
            input.description.as_deref().unwrap_or(&row.description),
            input.category.as_deref().unwrap_or(&row.category),
            tags,
            labels,
            input
                .visibility
                .map_or_else(|| row.visibility().map_err(Error::from), Ok)?,
        )
    }

    #[allow(
        clippy::too_many_arguments,
        reason = "one call for each of the two forms of input above"
    )]
    fn checked(
        name: &str,
        slug: Option<&str>,
        had: Option<&str>,
        description: &str,
        category: &str,
        tags: Vec<String>,
        labels: Vec<Label>,
        visibility: Visibility,
    ) -> Result<Self> {
        let mut check = Check::new();
        let name = check.parse::<DisplayName>("/name", name);
        let slug = slug.and_then(|text| {
            let parsed = check.parse::<Slug>("/slug", text);
            let free = parsed
                .as_ref()
                .is_none_or(|slug| had == Some(slug.as_str()) || !slug.is_reserved());
            check.that(free, "/slug", || {
                "This word is reserved. Choose another.".to_owned()
            });
            parsed
        });
        let description = check.text("/description", description, MAX_DESCRIPTION);
        let category = check.text("/category", category, 40).to_lowercase();
        let tags = words(&mut check, tags);
        for wrong in label::check(&labels) {
            check.add(wrong.under("/labels"));
        }
        let (name,) = check.all((name,))?;
        Ok(Self {
            name: name.to_string(),
            slug,
            description,
            category,
            tags,
            labels,
            visibility,
        })
    }

    /// The first paragraph of the description without its marks.
    pub(crate) fn summary(&self) -> String {
        let paragraph = self
            .description
            .split("\n\n")
            .map(str::trim)
            .find(|part| !part.is_empty() && !part.starts_with('#'));
        let plain: String = paragraph
            .unwrap_or_default()
            .chars()
            .filter(|c| !"*_`#>[]".contains(*c))
            .collect();
        let words: Vec<&str> = plain.split_whitespace().collect();
        let text = words.join(" ");
        match text.char_indices().nth(SUMMARY) {
            None => text,
            Some((cut, _)) => format!("{}…", text[..cut].trim_end()),
        }
    }

    /// What the catalog looks through.
    pub(crate) fn search(&self, slug: &str) -> String {
        let described: String = self.description.chars().take(SEARCHED).collect();
        api::search_text([
            self.name.as_str(),
            slug,
            &self.category,
            &self.tags.join(" "),
            &described,
        ])
    }
}

fn words(check: &mut Check, tags: Vec<String>) -> Vec<String> {
    check.that(tags.len() <= MAX_TAGS, "/tags", || {
        format!("Use at most {MAX_TAGS} tags.")
    });
    let mut kept: Vec<String> = Vec::with_capacity(tags.len());
    for (index, tag) in tags.iter().enumerate() {
        let tag = tag.trim().to_lowercase();
        let plain = !tag.is_empty()
            && tag.chars().count() <= 40
            && tag
                .chars()
                .all(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_' | '.' | '/' | '+'));
        check.that(plain, &format!("/tags/{index}"), || {
            "Use 1 to 40 letters, digits, spaces and hyphens.".to_owned()
        });
        if !kept.contains(&tag) {
            kept.push(tag);
        }
    }
    kept
}

/// The API's own policies as they are stored.
pub(super) fn policies(policies: Option<&[Policy]>) -> Result<Option<String>> {
    let Some(policies) = policies else {
        return Ok(None);
    };
    let found: Vec<_> = check_all(policies, AttachPoint::Api)
        .into_iter()
        .map(|found| found.under("/policies"))
        .collect();
    if !found.is_empty() {
        return Err(Error::invalid(found));
    }
    Ok(Some(write_json("api.policies", &policies)?))
}
