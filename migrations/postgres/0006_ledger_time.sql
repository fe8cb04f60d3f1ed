-- What was spent or paid in within a month: a wallet's page asks for it whenever it is opened.
CREATE INDEX ledger_transaction_kind ON ledger_transaction (business, kind, booked_at);
CREATE INDEX hold_business ON hold (business);
