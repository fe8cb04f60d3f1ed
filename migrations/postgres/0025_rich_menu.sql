-- Rich menus: pictures below a chat with places to tap. What a menu says never changes; its picture
-- comes once. A friend's own menu goes before the default that programs set, that one before the
-- console's.
CREATE TABLE rich_menu (
  id BYTEA PRIMARY KEY,
  account BYTEA NOT NULL REFERENCES account (id),
  -- Who made it: a program (1), the console (2).
  origin BIGINT NOT NULL,
  -- JSON in LINE's shape.
  content TEXT COLLATE "C" NOT NULL,
  -- Nothing until its picture came.
  picture BYTEA REFERENCES media (hash),
  created_at BIGINT NOT NULL
);
CREATE INDEX rich_menu_of_account ON rich_menu (account, id);

-- The names by which actions switch to a menu. A name outlives its menu: then it leads nowhere.
CREATE TABLE rich_menu_alias (
  account BYTEA NOT NULL REFERENCES account (id),
  alias TEXT COLLATE "C" NOT NULL,
  menu BYTEA NOT NULL,
  PRIMARY KEY (account, alias)
);

CREATE TABLE rich_menu_default (
  account BYTEA NOT NULL REFERENCES account (id),
  -- Who set it: a program (1), the console (2).
  origin BIGINT NOT NULL,
  menu BYTEA NOT NULL REFERENCES rich_menu (id),
  PRIMARY KEY (account, origin)
);

-- A friend's own menu. What leads to a menu that is gone counts for nothing, and is swept.
CREATE TABLE rich_menu_link (
  account BYTEA NOT NULL REFERENCES account (id),
  number BIGINT NOT NULL,
  menu BYTEA NOT NULL,
  PRIMARY KEY (account, number)
);

-- Many links changed at once: a walk over the account's links, which goes on behind `after_number`.
CREATE TABLE rich_menu_batch (
  request BYTEA PRIMARY KEY,
  account BYTEA NOT NULL REFERENCES account (id),
  resume_key TEXT COLLATE "C",
  -- JSON in LINE's shape.
  operations TEXT COLLATE "C" NOT NULL,
  after_number BIGINT NOT NULL,
  accepted_at BIGINT NOT NULL,
  completed_at BIGINT,
  -- 1 where a menu to link was gone meanwhile.
  failed BIGINT NOT NULL
);
CREATE INDEX rich_menu_batch_open ON rich_menu_batch (accepted_at) WHERE completed_at IS NULL;
CREATE INDEX rich_menu_batch_of_account ON rich_menu_batch (account, accepted_at);

-- What friends did with a menu on a day of the account's zone, by blocks of user numbers: how often,
-- and who, as a roaring bitmap. Area -1 is the menu shown.
CREATE TABLE rich_menu_day (
  account BYTEA NOT NULL REFERENCES account (id),
  menu BYTEA NOT NULL,
  day BIGINT NOT NULL,
  area BIGINT NOT NULL,
  block BIGINT NOT NULL,
  total BIGINT NOT NULL,
  numbers BYTEA NOT NULL,
  PRIMARY KEY (menu, day, area, block)
);

-- Coupons. What one says never changes; closed (2) it stays closed.
CREATE TABLE coupon (
  id BYTEA PRIMARY KEY,
  account BYTEA NOT NULL REFERENCES account (id),
  title TEXT COLLATE "C" NOT NULL,
  -- JSON in LINE's shape.
  content TEXT COLLATE "C" NOT NULL,
  state BIGINT NOT NULL,
  starts_at BIGINT NOT NULL,
  ends_at BIGINT NOT NULL,
  -- Percent of a lottery; nothing where everybody gets it.
  probability BIGINT,
  -- Nothing where there is no limit.
  acquire_max BIGINT,
  uses_max BIGINT,
  acquired BIGINT NOT NULL,
  used BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  closed_at BIGINT
);
CREATE INDEX coupon_of_account ON coupon (account, id);

-- Who has a coupon (1), and who drew and lost (2).
CREATE TABLE coupon_ticket (
  coupon BYTEA NOT NULL REFERENCES coupon (id),
  number BIGINT NOT NULL,
  state BIGINT NOT NULL,
  acquired_at BIGINT NOT NULL,
  uses BIGINT NOT NULL,
  used_at BIGINT,
  PRIMARY KEY (coupon, number)
);

DO $$
DECLARE
  name text;
BEGIN
  FOREACH name IN ARRAY string_to_array(
    'coupon rich_menu rich_menu_alias rich_menu_batch rich_menu_day rich_menu_default '
    'rich_menu_link', ' ')
  LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
    EXECUTE format('CREATE POLICY wall ON %I USING (account IN (SELECT id FROM account))', name);
  END LOOP;
END $$;
ALTER TABLE coupon_ticket ENABLE ROW LEVEL SECURITY;
CREATE POLICY wall ON coupon_ticket USING (
  EXISTS (SELECT FROM coupon AS owner WHERE owner.id = coupon_ticket.coupon));
