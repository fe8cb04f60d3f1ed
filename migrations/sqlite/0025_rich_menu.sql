-- Rich menus: pictures below a chat with places to tap. What a menu says never changes; its picture
-- comes once. A friend's own menu goes before the default that programs set, that one before the
-- console's.
CREATE TABLE rich_menu (
  id BLOB PRIMARY KEY,
  account BLOB NOT NULL REFERENCES account (id),
  -- Who made it: a program (1), the console (2).
  origin INTEGER NOT NULL,
  -- JSON in LINE's shape.
  content TEXT NOT NULL,
  -- Nothing until its picture came.
  picture BLOB REFERENCES media (hash),
  created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX rich_menu_of_account ON rich_menu (account, id);

-- The names by which actions switch to a menu. A name outlives its menu: then it leads nowhere.
CREATE TABLE rich_menu_alias (
  account BLOB NOT NULL REFERENCES account (id),
  alias TEXT NOT NULL,
  menu BLOB NOT NULL,
  PRIMARY KEY (account, alias)
) STRICT, WITHOUT ROWID;

CREATE TABLE rich_menu_default (
  account BLOB NOT NULL REFERENCES account (id),
  -- Who set it: a program (1), the console (2).
  origin INTEGER NOT NULL,
  menu BLOB NOT NULL REFERENCES rich_menu (id),
  PRIMARY KEY (account, origin)
) STRICT, WITHOUT ROWID;

-- A friend's own menu. What leads to a menu that is gone counts for nothing, and is swept.
CREATE TABLE rich_menu_link (
  account BLOB NOT NULL REFERENCES account (id),
  number INTEGER NOT NULL,
  menu BLOB NOT NULL,
  PRIMARY KEY (account, number)
) STRICT, WITHOUT ROWID;

-- Many links changed at once: a walk over the account's links, which goes on behind `after_number`.
CREATE TABLE rich_menu_batch (
  request BLOB PRIMARY KEY,
  account BLOB NOT NULL REFERENCES account (id),
  resume_key TEXT,
  -- JSON in LINE's shape.
  operations TEXT NOT NULL,
  after_number INTEGER NOT NULL,
  accepted_at INTEGER NOT NULL,
  completed_at INTEGER,
  -- 1 where a menu to link was gone meanwhile.
  failed INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX rich_menu_batch_open ON rich_menu_batch (accepted_at) WHERE completed_at IS NULL;
CREATE INDEX rich_menu_batch_of_account ON rich_menu_batch (account, accepted_at);

-- What friends did with a menu on a day of the account's zone, by blocks of user numbers: how often,
-- and who, as a roaring bitmap. Area -1 is the menu shown.
CREATE TABLE rich_menu_day (
  account BLOB NOT NULL REFERENCES account (id),
  menu BLOB NOT NULL,
  day INTEGER NOT NULL,
  area INTEGER NOT NULL,
  block INTEGER NOT NULL,
  total INTEGER NOT NULL,
  numbers BLOB NOT NULL,
  PRIMARY KEY (menu, day, area, block)
) STRICT;

-- Coupons. What one says never changes; closed (2) it stays closed.
CREATE TABLE coupon (
  id BLOB PRIMARY KEY,
  account BLOB NOT NULL REFERENCES account (id),
  title TEXT NOT NULL,
  -- JSON in LINE's shape.
  content TEXT NOT NULL,
  state INTEGER NOT NULL,
  starts_at INTEGER NOT NULL,
  ends_at INTEGER NOT NULL,
  -- Percent of a lottery; nothing where everybody gets it.
  probability INTEGER,
  -- Nothing where there is no limit.
  acquire_max INTEGER,
  uses_max INTEGER,
  acquired INTEGER NOT NULL,
  used INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  closed_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX coupon_of_account ON coupon (account, id);

-- Who has a coupon (1), and who drew and lost (2).
CREATE TABLE coupon_ticket (
  coupon BLOB NOT NULL REFERENCES coupon (id),
  number INTEGER NOT NULL,
  state INTEGER NOT NULL,
  acquired_at INTEGER NOT NULL,
  uses INTEGER NOT NULL,
  used_at INTEGER,
  PRIMARY KEY (coupon, number)
) STRICT, WITHOUT ROWID;
