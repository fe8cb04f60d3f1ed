"""The webhook's address by LINE's library, and a reply to nothing.

Good reply tokens come with webhooks: `webhooks.py` reads what they bring.
"""

from linebot.v3 import messaging


async def webhook(operations):
    ask = operations.messages
    hello = messaging.TextMessage(text="hello")
    endpoint = "https://nobody.invalid/hook"
    await operations.does(
        "setWebhookEndpoint",
        ask.set_webhook_endpoint,
        messaging.SetWebhookEndpointRequest(endpoint=endpoint),
    )
    await operations.refuses(
        "setWebhookEndpoint, no address",
        400,
        "Invalid webhook endpoint URL",
        ask.set_webhook_endpoint,
        messaging.SetWebhookEndpointRequest(endpoint="nobody.invalid"),
    )
    await operations.does(
        "getWebhookEndpoint",
        ask.get_webhook_endpoint,
        check=lambda answer: answer.endpoint == endpoint and answer.active,
    )
    await operations.does(
        "testWebhookEndpoint",
        ask.test_webhook_endpoint,
        messaging.TestWebhookEndpointRequest(endpoint=endpoint),
        check=lambda answer: not answer.success
        and answer.reason == "COULD_NOT_CONNECT",
    )
    await operations.refuses(
        "replyMessage, unknown token",
        400,
        "Invalid reply token",
        ask.reply_message,
        messaging.ReplyMessageRequest(reply_token="0" * 32, messages=[hello]),
    )
