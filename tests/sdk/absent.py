"""What LINE has and this server has not: every such operation is answered in LINE's shape."""

from linebot.v3 import liff, messaging, module, moduleattach, shop

GROUP = "C" + "0" * 32
ROOM = "R" + "0" * 32
USER = "U" + "0" * 32
NOT_FOUND = "Not found"
NO_PLAN = "Membership plan not found"
NOT_AVAILABLE = "Access to this API is not available for your account"
REFUSALS = tuple(library.ApiException for library in [liff, module, moduleattach, shop])


class Absent:
    """Asks for everything there is not; its clients are opened and closed by whoever asks."""

    def __init__(self, operations, apps, modules, attaching, shops):
        self.refuses = operations.refuses
        self.does = operations.does
        self.messages = operations.messages
        self.apps = apps
        self.modules = modules
        self.attaching = attaching
        self.shops = shops

    async def all(self, day):
        await self.groups_and_rooms()
        await self.memberships()
        await self.phones(day)
        await self.apps_and_modules()

    async def groups_and_rooms(self):
        ask = self.messages
        for name, call, arguments in [
            ("getGroupSummary", ask.get_group_summary, [GROUP]),
            ("getGroupMemberCount", ask.get_group_member_count, [GROUP]),
            ("getGroupMembersIds", ask.get_group_members_ids, [GROUP]),
            ("getGroupMemberProfile", ask.get_group_member_profile, [GROUP, USER]),
            ("leaveGroup", ask.leave_group, [GROUP]),
            ("getRoomMemberCount", ask.get_room_member_count, [ROOM]),
            ("getRoomMembersIds", ask.get_room_members_ids, [ROOM]),
            ("getRoomMemberProfile", ask.get_room_member_profile, [ROOM, USER]),
            ("leaveRoom", ask.leave_room, [ROOM]),
        ]:
            await self.refuses(name, 404, NOT_FOUND, call, *arguments)

    async def memberships(self):
        ask = self.messages
        for name, words, call, arguments in [
            ("getMembershipList", NO_PLAN, ask.get_membership_list, []),
            (
                "getMembershipSubscription",
                NOT_FOUND,
                ask.get_membership_subscription,
                [USER],
            ),
            ("getJoinedMembershipUsers", NO_PLAN, ask.get_joined_membership_users, [1]),
        ]:
            await self.refuses(name, 404, words, call, *arguments)

    async def phones(self, day):
        ask = self.messages
        message = messaging.TextMessage(text="a")
        await self.not_available(
            "pushMessagesByPhone",
            ask.push_messages_by_phone,
            messaging.PnpMessagesRequest(to="0" * 64, messages=[message]),
        )
        await self.does(
            "getPNPMessageStatistics",
            ask.get_pnp_message_statistics,
            day,
            check=lambda answer: answer.success == 0,
        )

    async def apps_and_modules(self):
        apps, modules = self.apps, self.modules
        view = liff.LiffView(type="full", url="https://example.com/app")
        sticker = shop.MissionStickerRequest(
            to=USER, product_id="1", product_type="STICKER", send_present_message=False
        )
        for name, call, arguments in [
            ("addLIFFApp", apps.add_liff_app, [liff.AddLiffAppRequest(view=view)]),
            ("getAllLIFFApps", apps.get_all_liff_apps, []),
            (
                "updateLIFFApp",
                apps.update_liff_app,
                ["1-a", liff.UpdateLiffAppRequest(description="a")],
            ),
            ("deleteLIFFApp", apps.delete_liff_app, ["1-a"]),
            (
                "detachModule",
                modules.detach_module,
                [module.DetachModuleRequest(bot_id=USER)],
            ),
            ("acquireChatControl", modules.acquire_chat_control, [USER]),
            ("releaseChatControl", modules.release_chat_control, [USER]),
            ("getModules", modules.get_modules, []),
            (
                "attachModule",
                self.attaching.attach_module,
                ["authorization_code", "a", "https://example.com/back"],
            ),
            ("missionStickerV3", self.shops.mission_sticker_v3, [sticker]),
        ]:
            await self.not_available(name, call, *arguments)

    async def not_available(self, name, call, *arguments):
        await self.refuses(name, 403, NOT_AVAILABLE, call, *arguments)


async def ordinary(operations, configured, day):
    with (
        liff.ApiClient(configured(liff)) as one,
        module.ApiClient(configured(module)) as two,
        moduleattach.ApiClient(configured(moduleattach)) as three,
        shop.ApiClient(configured(shop)) as four,
    ):
        absent = Absent(
            operations,
            liff.Liff(one),
            module.LineModule(two),
            moduleattach.LineModuleAttach(three),
            shop.Shop(four),
        )
        await absent.all(day)


async def asynchronous(operations, configured, day):
    async with (
        liff.AsyncApiClient(configured(liff)) as one,
        module.AsyncApiClient(configured(module)) as two,
        moduleattach.AsyncApiClient(configured(moduleattach)) as three,
        shop.AsyncApiClient(configured(shop)) as four,
    ):
        absent = Absent(
            operations,
            liff.AsyncLiff(one),
            module.AsyncLineModule(two),
            moduleattach.AsyncLineModuleAttach(three),
            shop.AsyncShop(four),
        )
        await absent.all(day)
