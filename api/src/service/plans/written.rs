//! What people write about a plan, checked once for creating and editing.

use domain::name::{DisplayName, Slug};
use domain::plan::{Approval, PRIORITIES, PRIORITY, check_scopes};
use domain::policy::{AttachPoint, check_all};
use domain::wire::plans::{CreatePlan, EditPlan, Price};
use entity::organization;
use entity::row::write_json;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter};
use uuid::Uuid;

use crate::check::Check;
use crate::error::Result;

const MAX_TERMS: usize = 50_000;
const MAX_DESCRIPTION: usize = 5000;
const MAX_ORGANIZATIONS: usize = 200;

/// The columns that a person decides.
#[derive(Debug)]
pub(super) struct Written {
    pub(super) name: String,
    pub(super) description: String,
    pub(super) approval: Approval,
    pub(super) terms: String,
    pub(super) priority: i8,
    pub(super) policies: String,
    pub(super) scopes: Option<String>,
    pub(super) price: String,
    pub(super) max_per_application: Option<i32>,
    pub(super) max_subscriptions: Option<i32>,
    pub(super) organizations: String,
}

impl Written {
    pub(super) async fn check<C: ConnectionTrait>(db: &C, input: EditPlan) -> Result<Self> {
        let mut check = Check::new();
        let name = check.parse::<DisplayName>("/name", &input.name);
        let description = check.text("/description", &input.description, MAX_DESCRIPTION);
        let terms = check.text("/terms", &input.terms, MAX_TERMS);
        for found in check_all(&input.policies, AttachPoint::Plan) {
            check.add(found.under("/policies"));
        }
        for found in check_scopes(&input.scopes) {
            check.add(found.under("/scopes"));
        }
        check.that(PRIORITIES.contains(&input.priority), "/priority", || {
            PRIORITY.to_owned()
        });
        let max_per_application = most(
            &mut check,
            "/max_per_application",
            input.max_per_application,
        );
        let max_subscriptions = most(&mut check, "/max_subscriptions", input.max_subscriptions);
        check_price(&mut check, input.price.as_ref());
        let organizations = organizations(&mut check, db, &input.organizations).await?;
        let (name,) = check.all((name,))?;
        Ok(Self {
            name: name.to_string(),
            description,
            approval: input.approval,
            terms,
            priority: input.priority,
            policies: write_json("plan.policies", &input.policies)?,
            scopes: match input.scopes.is_empty() {
                true => None,
                false => Some(write_json("plan.scopes", &input.scopes)?),
            },
            price: input
                .price
                .map(|price| write_json("plan.price", &price))
                .transpose()?
                .unwrap_or_default(),
            max_per_application,
            max_subscriptions,
            organizations: write_json("plan.organizations", &organizations)?,
        })
    }
}

pub(super) fn slug(text: &str) -> Result<Slug> {
    let mut check = Check::new();
    let slug = check.parse::<Slug>("/slug", text);
    Ok(check.all((slug,))?.0)
}

/// Creating says all that editing says, and a slug.
pub(super) fn as_edit(input: CreatePlan) -> EditPlan {
    let CreatePlan {
        name,
        slug: _,
        description,
        approval,
        terms,
        priority,
        policies,
        scopes,
        max_per_application,
        max_subscriptions,
        price,
        organizations,
    } = input;
    EditPlan {
        name,
        description,
        approval,
        terms,
        priority,
        policies,
        scopes,
        max_per_application,
        max_subscriptions,
        price,
        organizations,
    }
}

fn most(check: &mut Check, pointer: &str, most: Option<u32>) -> Option<i32> {
    let fits = most.map(|most| {
        i32::try_from(most)
            .ok()
            .filter(|most| (1..=1_000_000).contains(most))
    });
    check.that(fits != Some(None), pointer, || {
        "Use 1 to 1,000,000, or leave it empty.".to_owned()
    });
    fits.flatten()
}

fn check_price(check: &mut Check, price: Option<&Price>) {
    let Some(price) = price else { return };
    let currency =
        price.currency.len() == 3 && price.currency.bytes().all(|b| b.is_ascii_uppercase());
    check.that(currency, "/price/currency", || {
        "Use the three letters of ISO 4217, like EUR.".to_owned()
    });
    check.that(price.amount <= 1_000_000_000_000, "/price/amount", || {
        "Use a smaller amount.".to_owned()
    });
}

async fn organizations<C: ConnectionTrait>(
    check: &mut Check,
    db: &C,
    slugs: &[String],
) -> Result<Vec<Uuid>> {
    check.that(slugs.len() <= MAX_ORGANIZATIONS, "/organizations", || {
        format!("Name at most {MAX_ORGANIZATIONS}.")
    });
    if slugs.is_empty() || slugs.len() > MAX_ORGANIZATIONS {
        return Ok(Vec::new());
    }
    let rows = organization::Entity::find()
        .filter(organization::Column::Slug.is_in(slugs))
        .all(db)
        .await?;
    let mut found = Vec::with_capacity(slugs.len());
    for (index, slug) in slugs.iter().enumerate() {
        let row = rows.iter().find(|row| row.slug == *slug);
        check.that(row.is_some(), &format!("/organizations/{index}"), || {
            "There is no organization of this name.".to_owned()
        });
        found.extend(row.map(|row| row.id).filter(|id| !found.contains(id)));
    }
    Ok(found)
}
