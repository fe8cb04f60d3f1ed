-- The wall between businesses stands on PostgreSQL alone; here is what both have of it.

CREATE INDEX campaign_business ON campaign (business, id);
