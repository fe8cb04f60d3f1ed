-- Requests that carried webhooks are forgotten after a while, and with each what it carried.
CREATE INDEX webhook_attempt_event_of_attempt ON webhook_attempt_event (attempt);
