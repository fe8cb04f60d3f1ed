//! Audiences as SQL: counted at launch, read by the freeze.
//!
//! `domain::audience` says what an expression means, one friend at a time; here the same is said to
//! the database, and a test compares the two. What asks for nothing but reach, tags and lists never
//! reads the wide table of friends.

use std::collections::BinaryHeap;

use domain::audience::{Attribute, AudienceLimit, Expression, LimitMethod, TextAttribute};
use domain::campaign::Purpose;
use domain::friend::{Gender, ReachFlags};
use domain::id::AccountId;
use domain::user::UserNumber;
use roaring::RoaringBitmap;
use sea_orm::{ConnectionTrait, Value};

use crate::row::{self, Bind, values};
use crate::{Store, StoreError};

/// A condition on `reach r` and, where it asks for attributes, on `friend f`.
#[derive(Debug, Clone)]
pub(crate) struct Condition {
    /// True or false for everybody, never unknown; stands in parentheses.
    pub sql: String,
    pub values: Vec<Value>,
    needs_friend: bool,
}

/// User numbers that one query of a choice brings.
const CANDIDATES_PER_PAGE: u32 = 100_000;

/// Says the expression as SQL. `places_used` placeholders stand before it in the statement.
pub(crate) fn condition(expression: &Expression, places_used: usize) -> Condition {
    let mut compiler = Compiler {
        places_used,
        condition: Condition {
            sql: String::new(),
            values: Vec::new(),
            needs_friend: false,
        },
    };
    compiler.expression(expression);
    compiler.condition
}

impl Condition {
    /// What the condition is asked of, as a `FROM` clause.
    pub fn tables(&self) -> &'static str {
        match self.needs_friend {
            true => "FROM reach r JOIN friend f ON f.account = r.account AND f.number = r.number",
            false => "FROM reach r",
        }
    }
}

impl Store {
    /// Whom a limit would take now.
    pub async fn choose_limited(
        &self,
        account: AccountId,
        expression: &Expression,
        limit: AudienceLimit,
        purpose: Purpose,
    ) -> Result<RoaringBitmap, StoreError> {
        choose(self.reader(), account, expression, limit, purpose).await
    }
}

async fn choose(
    connection: &impl ConnectionTrait,
    account: AccountId,
    expression: &Expression,
    limit: AudienceLimit,
    purpose: Purpose,
) -> Result<RoaringBitmap, StoreError> {
    let condition = condition(expression, 4);
    let sql = format!(
        "SELECT r.number AS number {} WHERE r.account = $1 AND r.flags & $2 = $2 AND r.number > $3
         AND {} ORDER BY r.number LIMIT $4",
        condition.tables(),
        condition.sql
    );
    let mut chosen = Chosen::of(limit);
    let mut last = 0;
    while !chosen.is_settled() {
        let required = ReachFlags::required(purpose);
        let first = values![account, required, last, CANDIDATES_PER_PAGE];
        let values = first.into_iter().chain(condition.values.iter().cloned());
        let rows = row::all(connection, "reach", &sql, values).await?;
        for row in &rows {
            last = row.int("number")?;
            chosen.consider(UserNumber(last));
        }
        if rows.len() < CANDIDATES_PER_PAGE as usize {
            break;
        }
    }
    Ok(chosen.bitmap())
}

/// The friends of the lowest ranks so far, the highest of them on top.
struct Chosen {
    limit: AudienceLimit,
    ranked: BinaryHeap<(u64, u32)>,
}

impl Chosen {
    fn of(limit: AudienceLimit) -> Self {
        Self {
            limit,
            ranked: BinaryHeap::new(),
        }
    }

    fn consider(&mut self, user: UserNumber) {
        self.ranked.push((self.limit.rank(user), user.0));
        if self.ranked.len() > self.limit.count as usize {
            self.ranked.pop();
        }
    }

    /// Nobody who comes later, in the order of user numbers, can be among them.
    fn is_settled(&self) -> bool {
        let is_full = self.ranked.len() >= self.limit.count as usize;
        is_full && self.limit.method == LimitMethod::UserNumber
    }

    fn bitmap(self) -> RoaringBitmap {
        self.ranked.into_iter().map(|(_, number)| number).collect()
    }
}

struct Compiler {
    places_used: usize,
    condition: Condition,
}

impl Compiler {
    fn expression(&mut self, expression: &Expression) {
        match expression {
            Expression::All => self.text("(1 = 1)"),
            Expression::Attribute(attribute) => self.attribute(attribute),
            Expression::Tag(tag) => {
                self.text(
                    "EXISTS (SELECT 1 FROM friend_tag t WHERE t.account = r.account
                     AND t.number = r.number AND t.tag = ",
                );
                self.value(tag.as_str());
                self.text(")");
            }
            Expression::FriendSince { from, before } => {
                self.range("f.since", from.map(Bind::bind), before.map(Bind::bind), "<");
            }
            Expression::Source(sources) => self.one_of("f.source", sources),
            Expression::List(list) => {
                // Somebody else's list is empty for this account.
                self.text(
                    "EXISTS (SELECT 1 FROM user_list l JOIN user_list_entry e ON e.list = l.id
                     WHERE l.account = r.account AND e.number = r.number AND l.id = ",
                );
                self.value(*list);
                self.text(")");
            }
            Expression::Group(group) => {
                // Another account's group is empty for this one.
                self.text(
                    "EXISTS (SELECT 1 FROM audience_group_member m WHERE m.account = r.account
                     AND m.word = r.number / 64
                     AND ((m.bits >> CAST(r.number % 64 AS INTEGER)) & 1) = 1
                     AND m.audience_group = ",
                );
                self.value(group.number());
                self.text(")");
            }
            Expression::Sent(campaign) => {
                // Another account's campaign was sent to nobody of this one.
                self.text(
                    "EXISTS (SELECT 1 FROM campaign_sent_member m WHERE m.account = r.account
                     AND m.word = r.number / 64
                     AND ((m.bits >> CAST(r.number % 64 AS INTEGER)) & 1) = 1
                     AND m.campaign = ",
                );
                self.value(*campaign);
                self.text(")");
            }
            Expression::And(parts) => self.joined(parts, " AND ", "(1 = 1)"),
            Expression::Or(parts) => self.joined(parts, " OR ", "(1 = 0)"),
            Expression::Not(part) => {
                self.text("(NOT ");
                self.expression(part);
                self.text(")");
            }
        }
    }

    fn attribute(&mut self, attribute: &Attribute) {
        match attribute {
            Attribute::OneOf { attribute, values } => {
                let column = match attribute {
                    // A gender nobody told is a gender one may ask for.
                    TextAttribute::Gender => {
                        format!("COALESCE(f.gender, '{}')", Gender::Unknown.name())
                    }
                    other => format!("f.{}", other.name()),
                };
                self.one_of(&column, values);
            }
            Attribute::BirthYear { from, to } => {
                self.text("(f.birth_year IS NOT NULL AND ");
                self.range(
                    "f.birth_year",
                    from.map(Bind::bind),
                    to.map(Bind::bind),
                    "<=",
                );
                self.text(")");
            }
        }
    }

    fn one_of(&mut self, column: &str, values: &[String]) {
        self.condition.needs_friend = true;
        if values.is_empty() {
            return self.text("(1 = 0)");
        }
        self.text(&format!("({column} IS NOT NULL AND {column} IN ("));
        for (index, value) in values.iter().enumerate() {
            if index > 0 {
                self.text(", ");
            }
            self.value(value.as_str());
        }
        self.text("))");
    }

    fn range(&mut self, column: &str, from: Option<Value>, to: Option<Value>, upper: &str) {
        self.condition.needs_friend = true;
        self.text("(1 = 1");
        for (operator, end) in [(">=", from), (upper, to)] {
            if let Some(end) = end {
                self.text(&format!(" AND {column} {operator} "));
                self.place(end);
            }
        }
        self.text(")");
    }

    fn joined(&mut self, parts: &[Expression], operator: &str, nothing: &str) {
        if parts.is_empty() {
            return self.text(nothing);
        }
        self.text("(");
        for (index, part) in parts.iter().enumerate() {
            if index > 0 {
                self.text(operator);
            }
            self.expression(part);
        }
        self.text(")");
    }

    fn value(&mut self, value: impl Bind) {
        self.place(value.bind());
    }

    fn place(&mut self, value: Value) {
        self.places_used += 1;
        let place = format!("${}", self.places_used);
        self.text(&place);
        self.condition.values.push(value);
    }

    fn text(&mut self, sql: &str) {
        self.condition.sql.push_str(sql);
    }
}

#[cfg(test)]
mod tests;
