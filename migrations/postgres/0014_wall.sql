-- The wall between businesses: who works for one sees its rows. The policies do not concern the
-- owner of the tables, which is who runs these files, workers and all else that works for the
-- installation; they concern the role that pages work under (store/database/wall.rs), and everybody
-- else. Without a business in the setting nobody's rows are there.

CREATE INDEX campaign_business ON campaign (business, id);

CREATE FUNCTION chingu_business() RETURNS BYTEA
  LANGUAGE sql STABLE PARALLEL SAFE
  AS $$ SELECT decode(NULLIF(current_setting('chingu.business', true), ''), 'hex') $$;

DO $$
DECLARE
  kind record;
  name text;
BEGIN
  ALTER TABLE business ENABLE ROW LEVEL SECURITY;
  CREATE POLICY wall ON business USING (id = chingu_business());
  FOREACH name IN ARRAY string_to_array(
    'account campaign hold ledger_transaction member wallet', ' ')
  LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
    EXECUTE format('CREATE POLICY wall ON %I USING (business = chingu_business())', name);
  END LOOP;
  -- What belongs to something of a business: there the policy of its owner counts. A business has
  -- few accounts, which are read once for a statement: so millions of friends are still counted out
  -- of an index alone, by several processes. It has many campaigns: of those the one is looked up.
  FOREACH name IN ARRAY string_to_array(
    'api_request consent friend friend_day friend_message friend_tag friend_tally import '
    'import_upload media_upload reach reach_change user_list wording', ' ')
  LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
    EXECUTE format('CREATE POLICY wall ON %I USING (account IN (SELECT id FROM account))', name);
  END LOOP;
  FOR kind IN SELECT * FROM (VALUES
    ('campaign', 'campaign', 'amendment attempt block campaign_action campaign_tariff capture
      chunk chunk_key chunk_recipients coupon_use draft_part exclusion freeze_range link
      outcome_bitmap push_key receipt_course receipt_link receipt_log receipt_people receipt_sum'),
    ('import', 'import', 'import_rejected_row import_rejection'),
    ('ledger_transaction', 'ledger_transaction', 'ledger_entry'),
    ('member', 'member', 'session'),
    ('user_list', 'list', 'user_list_entry')
  ) AS k (owner, key, tables) LOOP
    FOREACH name IN ARRAY regexp_split_to_array(kind.tables, '\s+') LOOP
      EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
      EXECUTE format('CREATE POLICY wall ON %1$I USING (
        EXISTS (SELECT FROM %2$I AS owner WHERE owner.id = %1$I.%3$I))',
        name, kind.owner, kind.key);
    END LOOP;
  END LOOP;
  -- Stored once for everybody, by their hash: whose they are is noted afterwards.
  ALTER TABLE media ENABLE ROW LEVEL SECURITY;
  CREATE POLICY wall ON media FOR SELECT USING (
    EXISTS (SELECT FROM media_upload AS u WHERE media.hash IN (u.hash, u.preview)));
  CREATE POLICY kept ON media FOR INSERT WITH CHECK (true);
  ALTER TABLE message ENABLE ROW LEVEL SECURITY;
  CREATE POLICY kept ON message FOR INSERT WITH CHECK (true);
END $$;
