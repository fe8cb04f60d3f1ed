"""LINE's official Python library against this server: the address changed and nothing else.

Reads from the environment the server's address, a channel's id and secret, an assertion that one of
its keys signed, a long-lived token, and how many friends there are. Every operation is asked for by
the ordinary client and by the asynchronous one. Prints JSON: what each operation came to, and which
requests were accepted.
"""

import asyncio
import json
import os
import uuid
from datetime import datetime, timedelta, timezone

from linebot.v3 import audience, insight, messaging, oauth

import absent
from audiences import Audiences
from rich_menus import RichMenus
from webhook import webhook

HOST = os.environ["CHINGU_URL"]
TOKEN = os.environ["CHINGU_TOKEN"]
CHANNEL_ID = os.environ["CHINGU_CHANNEL_ID"]
CHANNEL_SECRET = os.environ["CHINGU_CHANNEL_SECRET"]
FRIENDS = int(os.environ["CHINGU_FRIENDS"])
TODAY = datetime.now(timezone(timedelta(hours=9))).strftime("%Y%m%d")
NOBODY = "U" + "0" * 32
ASSERTION = os.environ["CHINGU_ASSERTION"]
REFUSALS = absent.REFUSALS + tuple(
    library.ApiException for library in [messaging, oauth, insight, audience]
)


def text(words):
    return messaging.TextMessage(text=words)


def every_message():
    """One of each kind that a library can build, five in a request at most."""
    flex = messaging.FlexMessage(
        alt_text="menu",
        contents=messaging.FlexBubble(
            body=messaging.FlexBox(
                layout="vertical", contents=[messaging.FlexText(text="today")]
            )
        ),
    )
    template = messaging.TemplateMessage(
        alt_text="choose",
        template=messaging.ConfirmTemplate(
            text="Coming?",
            actions=[
                messaging.MessageAction(label="yes", text="yes"),
                messaging.URIAction(label="more", uri="https://example.com/more"),
            ],
        ),
    )
    sticker = messaging.StickerMessage(package_id="446", sticker_id="1988")
    location = messaging.LocationMessage(
        title="shop", address="Seoul", latitude=37.5, longitude=127.0
    )
    return [text("(광고) hello"), flex, template, sticker, location]


class Operations:
    """Asks for everything, in one way of asking; remembers what came of it."""

    def __init__(self, ask, messages, blobs, figures, tokens, groups, files):
        self.ask = ask
        self.messages = messages
        self.blobs = blobs
        self.figures = figures
        self.tokens = tokens
        self.groups = groups
        self.files = files
        self.came = {}
        self.sent = []

    async def does(self, name, call, *arguments, check=None, **named):
        answer = await self.ask(call, *arguments, **named)
        if check is not None:
            assert check(answer), f"{name}: {answer}"
        self.came[name] = "ok"
        return answer

    async def refuses(self, name, status, words, call, *arguments, **named):
        try:
            answer = await self.ask(call, *arguments, **named)
        except REFUSALS as error:
            assert error.status == status, f"{name}: {error.status} {error.body}"
            assert words in error.body, f"{name}: {error.body}"
            assert error.headers.get("x-line-request-id"), f"{name}: no id"
            self.came[name] = f"{status} as documented"
            return error
        raise AssertionError(f"{name}: answered {answer}")

    async def all(self):
        await self.channel_tokens()
        await self.asserted_tokens()
        friends = await self.bot()
        await self.validation()
        await self.sending(friends)
        await webhook(self)
        await self.narrowcasting()
        request = self.broadcast.headers["x-line-request-id"]
        await Audiences(self, self.groups, self.files).all(friends, request)
        await self.chats(friends)
        await self.units()
        await self.numbers()
        await RichMenus(self).all(friends, TODAY)
        await self.coupons(friends)

    async def channel_tokens(self):
        ask = self.tokens
        issued = await self.does(
            "issueChannelToken",
            ask.issue_channel_token,
            "client_credentials",
            CHANNEL_ID,
            CHANNEL_SECRET,
        )
        await self.does(
            "verifyChannelToken",
            ask.verify_channel_token,
            issued.access_token,
            check=lambda answer: answer.client_id == CHANNEL_ID,
        )
        await self.does(
            "revokeChannelToken", ask.revoke_channel_token, issued.access_token
        )
        await self.does(
            "issueStatelessChannelToken",
            ask.issue_stateless_channel_token_by_client_secret,
            client_id=CHANNEL_ID,
            client_secret=CHANNEL_SECRET,
            check=lambda answer: answer.expires_in == 900,
        )
        await self.refuses(
            "issueChannelToken, wrong secret",
            400,
            "invalid client_secret",
            ask.issue_channel_token,
            "client_credentials",
            CHANNEL_ID,
            "0" * 32,
        )

    async def asserted_tokens(self):
        """By an assertion that was signed with a key of the channel's."""
        ask = self.tokens
        kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
        issued = await self.does(
            "issueChannelTokenByJWT",
            ask.issue_channel_token_by_jwt,
            "client_credentials",
            kind,
            ASSERTION,
        )
        token = issued.access_token
        await self.does(
            "verifyChannelTokenByJWT",
            ask.verify_channel_token_by_jwt,
            token,
            check=lambda answer: answer.client_id == CHANNEL_ID,
        )
        await self.does(
            "getsAllValidChannelAccessTokenKeyIds",
            ask.gets_all_valid_channel_access_token_key_ids,
            kind,
            ASSERTION,
            check=lambda answer: issued.key_id in answer.kids,
        )
        await self.does(
            "revokeChannelTokenByJWT",
            ask.revoke_channel_token_by_jwt,
            CHANNEL_ID,
            CHANNEL_SECRET,
            token,
        )
        await self.refuses(
            "verifyChannelTokenByJWT, no token",
            400,
            "invalid_request",
            ask.verify_channel_token_by_jwt,
            "x",
        )
        await self.refuses(
            "issueChannelTokenByJWT, no assertion",
            400,
            "invalid_client",
            ask.issue_channel_token_by_jwt,
            "client_credentials",
            kind,
            "x",
        )

    async def bot(self):
        ask = self.messages
        await self.does("getBotInfo", ask.get_bot_info)
        friends, start = [], None
        while True:
            page = await self.does("getFollowers", ask.get_followers, start=start, limit=7)
            friends += page.user_ids
            start = page.next
            if start is None:
                break
        assert len(friends) == len(set(friends)) == FRIENDS, len(friends)
        await self.does(
            "getProfile",
            ask.get_profile,
            friends[0],
            check=lambda answer: answer.user_id == friends[0],
        )
        await self.refuses("getProfile, unknown", 404, "Not found", ask.get_profile, NOBODY)
        return friends

    async def validation(self):
        ask = self.messages
        request = messaging.ValidateMessageRequest(messages=every_message())
        await self.does("validatePush", ask.validate_push, request)
        await self.does("validateMulticast", ask.validate_multicast, request)
        await self.does("validateNarrowcast", ask.validate_narrowcast, request)
        await self.does("validateBroadcast", ask.validate_broadcast, request)
        await self.does("validateReply", ask.validate_reply, request)
        long = messaging.ValidateMessageRequest(messages=[text("x" * 5_001)])
        error = await self.refuses(
            "validatePush, too long", 400, "messages[0].text", ask.validate_push, long
        )
        assert json.loads(error.body)["message"] == "The request body has 1 error(s)"

    async def sending(self, friends):
        ask = self.messages
        key = str(uuid.uuid4())
        push = messaging.PushMessageRequest(to=friends[0], messages=every_message())
        answer = await self.does(
            "pushMessage",
            ask.push_message,
            push,
            x_line_retry_key=key,
            check=lambda answer: len(answer.sent_messages) == 5,
        )
        error = await self.refuses(
            "pushMessage, retried",
            409,
            "The retry key is already accepted",
            ask.push_message,
            push,
            x_line_retry_key=key,
        )
        ids = [message["id"] for message in json.loads(error.body)["sentMessages"]]
        assert ids == [message.id for message in answer.sent_messages]
        assert error.headers["x-line-accepted-request-id"]
        await self.refuses(
            "pushMessage, unknown",
            400,
            "Failed to send messages",
            ask.push_message,
            messaging.PushMessageRequest(to=NOBODY, messages=[text("(광고) hello")]),
        )
        self.sent.append(("push", 1))
        await self.does(
            "multicast",
            ask.multicast,
            messaging.MulticastRequest(
                to=friends,
                messages=[text("(광고) all of you")],
                custom_aggregation_units=["spring"],
            ),
            x_line_retry_key=str(uuid.uuid4()),
        )
        self.sent.append(("multicast", FRIENDS))
        await self.refuses(
            "multicast, no id",
            400,
            "The property, to[1], in the request body is invalid (line: -, column: -)",
            ask.multicast,
            messaging.MulticastRequest(to=[friends[0], "kim"], messages=[text("a")]),
        )
        self.broadcast = await self.does(
            "broadcast",
            self.with_headers("broadcast"),
            messaging.BroadcastRequest(
                messages=[text("(광고) everybody")], notification_disabled=True
            ),
            x_line_retry_key=str(uuid.uuid4()),
        )
        self.sent.append(("broadcast", FRIENDS))

    async def narrowcasting(self):
        """To women from 30 on, which is everybody; then to just those once more."""
        ask = self.messages
        women = messaging.GenderDemographicFilter(
            one_of=[messaging.GenderDemographic.FEMALE]
        )
        older = messaging.AgeDemographicFilter(gte=messaging.AgeDemographic.AGE_30)
        both = messaging.OperatorDemographicFilter(var_and=[women, older])
        key = str(uuid.uuid4())
        request = messaging.NarrowcastRequest(
            messages=[text("(광고) from 30 on")],
            filter=messaging.Filter(demographic=both),
            limit=messaging.Limit(max=1_000),
        )
        first = await self.does(
            "narrowcast", self.with_headers("narrowcast"), request, x_line_retry_key=key
        )
        self.sent.append(("narrowcast", FRIENDS))
        await self.refuses(
            "narrowcast, retried",
            409,
            "The retry key is already accepted",
            ask.narrowcast,
            request,
            x_line_retry_key=key,
        )
        id = first.headers["x-line-request-id"]
        for _ in range(600):
            progress = await self.does(
                "getNarrowcastProgress", ask.get_narrowcast_progress, id
            )
            if progress.phase == "succeeded":
                break
            await asyncio.sleep(0.1)
        assert progress.phase == "succeeded", progress
        assert progress.success_count == progress.target_count == FRIENDS, progress
        assert progress.completed_time >= progress.accepted_time, progress
        again = messaging.RedeliveryRecipient(request_id=id)
        await self.does(
            "narrowcast, redelivery",
            ask.narrowcast,
            messaging.NarrowcastRequest(
                messages=[text("(광고) once more")], recipient=again
            ),
        )
        self.sent.append(("narrowcast", FRIENDS))
        unknown = messaging.RedeliveryRecipient(request_id=str(uuid.uuid4()))
        await self.refuses(
            "narrowcast, unknown request",
            400,
            "Invalid request id",
            ask.narrowcast,
            messaging.NarrowcastRequest(messages=[text("a")], recipient=unknown),
        )
        await self.refuses(
            "narrowcast, forbidden alone",
            400,
            "limit.forbidPartialDelivery",
            ask.narrowcast,
            messaging.NarrowcastRequest(
                messages=[text("a")], limit=messaging.Limit(forbid_partial_delivery=True)
            ),
        )
        await self.refuses(
            "getNarrowcastProgress, unknown",
            404,
            "Not found",
            ask.get_narrowcast_progress,
            str(uuid.uuid4()),
        )

    async def chats(self, friends):
        ask = self.messages
        await self.does(
            "showLoadingAnimation",
            ask.show_loading_animation,
            messaging.ShowLoadingAnimationRequest(chat_id=friends[0], loading_seconds=5),
        )
        await self.does(
            "markMessagesAsRead",
            ask.mark_messages_as_read,
            messaging.MarkMessagesAsReadRequest(
                chat=messaging.ChatReference(user_id=friends[0])
            ),
        )
        await self.refuses(
            "markMessagesAsReadByToken, unknown",
            400,
            "Invalid markAsReadToken",
            ask.mark_messages_as_read_by_token,
            messaging.MarkMessagesAsReadByTokenRequest(mark_as_read_token="x"),
        )
        await self.does(
            "issueLinkToken",
            ask.issue_link_token,
            friends[0],
            check=lambda answer: len(answer.link_token) >= 32,
        )
        for name, call in [
            ("getMessageContent", self.blobs.get_message_content),
            ("getMessageContentPreview", self.blobs.get_message_content_preview),
            (
                "getMessageContentTranscodingByMessageId",
                self.blobs.get_message_content_transcoding_by_message_id,
            ),
        ]:
            await self.refuses(name, 404, "not found", call, "461230966842064897")

    def with_headers(self, name):
        return getattr(self.messages, f"{name}_with_http_info")

    async def units(self):
        ask = self.messages
        await self.does(
            "getAggregationUnitUsage",
            ask.get_aggregation_unit_usage,
            check=lambda answer: answer.num_of_custom_aggregation_units == 1,
        )
        await self.does(
            "getAggregationUnitNameList",
            ask.get_aggregation_unit_name_list,
            limit="100",
            check=lambda answer: answer.custom_aggregation_units == ["spring"],
        )
        await self.does(
            "getStatisticsPerUnit",
            self.figures.get_statistics_per_unit,
            custom_aggregation_unit="spring",
            var_from=TODAY,
            to=TODAY,
            check=lambda answer: len(answer.messages) == 1,
        )

    async def numbers(self):
        ask, figures = self.messages, self.figures
        await self.does("getMessageQuota", ask.get_message_quota)
        await self.does("getMessageQuotaConsumption", ask.get_message_quota_consumption)
        for name in ["reply", "push", "multicast", "broadcast"]:
            call = getattr(ask, f"get_number_of_sent_{name}_messages")
            await self.does(
                f"getNumberOfSent{name.capitalize()}Messages",
                call,
                var_date=TODAY,
                check=lambda answer: answer.status == "ready",
            )
        await self.does(
            "getNumberOfMessageDeliveries",
            figures.get_number_of_message_deliveries,
            var_date=TODAY,
        )
        await self.does(
            "getNumberOfFollowers",
            figures.get_number_of_followers,
            var_date=TODAY,
            check=lambda answer: answer.followers >= FRIENDS,
        )
        await self.does(
            "getMessageEvent",
            figures.get_message_event,
            request_id=self.broadcast.headers["x-line-request-id"],
        )
        await self.does(
            "getFriendsDemographics",
            figures.get_friends_demographics,
            check=lambda answer: answer.genders[0].percentage == 100,
        )
        await self.refuses(
            "getNumberOfFollowers, no day",
            400,
            "date",
            figures.get_number_of_followers,
            var_date="20261301",
        )

    async def coupons(self, friends):
        ask = self.messages
        request = messaging.CouponCreateRequest(
            title="100 off",
            start_timestamp=0,
            end_timestamp=1_924_959_599,
            timezone="ASIA_TOKYO",
            visibility="UNLISTED",
            max_use_count_per_ticket=1,
            acquisition_condition=messaging.NormalAcquisitionConditionRequest(),
            reward=messaging.CouponDiscountRewardRequest(
                price_info=messaging.DiscountFixedPriceInfoRequest(fixed_amount=100)
            ),
        )
        made = await self.does("createCoupon", ask.create_coupon, request)
        coupon = made.coupon_id
        await self.does(
            "getCouponDetail",
            ask.get_coupon_detail,
            coupon,
            check=lambda answer: answer.status == "RUNNING",
        )
        await self.does(
            "listCoupon",
            ask.list_coupon,
            status=["RUNNING", "DRAFT"],
            limit=1,
            check=lambda answer: answer.items[0].coupon_id == coupon,
        )
        message = messaging.CouponMessage(coupon_id=coupon)
        push = messaging.PushMessageRequest(to=friends[0], messages=[message])
        await self.does("pushMessage, coupon", ask.push_message, push)
        self.sent.append(("push", 1))
        await self.does("closeCoupon", ask.close_coupon, coupon)
        await self.refuses(
            "closeCoupon, again", 410, "The request body has", ask.close_coupon, coupon
        )
        await self.refuses(
            "pushMessage, closed coupon",
            400,
            "messages[0].couponId",
            ask.push_message,
            push,
        )
        await self.refuses(
            "getCouponDetail, unknown",
            404,
            "The request body has",
            ask.get_coupon_detail,
            "01JYNW8JMQVFBNWF1APF8Z3FS7",
        )


async def waiting(call, *arguments, **named):
    return await call(*arguments, **named)


async def at_once(call, *arguments, **named):
    return call(*arguments, **named)


def configured(library):
    if library is oauth:
        return library.Configuration(host=HOST)
    return library.Configuration(access_token=TOKEN, host=HOST)


async def ordinary():
    with (
        messaging.ApiClient(configured(messaging)) as one,
        insight.ApiClient(configured(insight)) as two,
        oauth.ApiClient(configured(oauth)) as three,
        audience.ApiClient(configured(audience)) as four,
    ):
        operations = Operations(
            at_once,
            messaging.MessagingApi(one),
            messaging.MessagingApiBlob(one),
            insight.Insight(two),
            oauth.ChannelAccessToken(three),
            audience.ManageAudience(four),
            audience.ManageAudienceBlob(four),
        )
        await operations.all()
        await absent.ordinary(operations, configured, TODAY)
        return operations


async def asynchronous():
    async with (
        messaging.AsyncApiClient(configured(messaging)) as one,
        insight.AsyncApiClient(configured(insight)) as two,
        oauth.AsyncApiClient(configured(oauth)) as three,
        audience.AsyncApiClient(configured(audience)) as four,
    ):
        operations = Operations(
            waiting,
            messaging.AsyncMessagingApi(one),
            messaging.AsyncMessagingApiBlob(one),
            insight.AsyncInsight(two),
            oauth.AsyncChannelAccessToken(three),
            audience.AsyncManageAudience(four),
            audience.AsyncManageAudienceBlob(four),
        )
        await operations.all()
        await absent.asynchronous(operations, configured, TODAY)
        return operations


async def main():
    first = await ordinary()
    second = await asynchronous()
    assert first.came.keys() == second.came.keys()
    table = {
        name: {"ordinary": first.came[name], "asynchronous": second.came[name]}
        for name in first.came
    }
    print(json.dumps({"operations": table, "sent": first.sent + second.sent}))


asyncio.run(main())
