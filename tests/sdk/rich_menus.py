"""Rich menus by LINE's library: made, pictured, shown to friends, named, and their figures."""

import asyncio
import struct
import zlib

from linebot.v3 import messaging


def picture(width, height):
    """A grey PNG."""

    def chunk(name, content):
        checksum = zlib.crc32(name + content)
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", checksum)

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    pixels = zlib.compress((b"\0" + b"\x9c" * width) * height)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", pixels)
        + chunk(b"IEND", b"")
    )


class RichMenus:
    """Asks for everything; what came of it goes where the others' does."""

    def __init__(self, operations):
        self.operations = operations
        self.messages = operations.messages
        self.blobs = operations.blobs
        self.figures = operations.figures
        self.does = operations.does
        self.refuses = operations.refuses

    async def all(self, friends, day):
        ask = self.messages
        menu = messaging.RichMenuRequest(
            size=messaging.RichMenuSize(width=800, height=250),
            selected=True,
            name="winter",
            chat_bar_text="Menu",
            areas=[
                messaging.RichMenuArea(
                    bounds=messaging.RichMenuBounds(x=0, y=0, width=800, height=250),
                    action=messaging.MessageAction(label="hello", text="hello"),
                )
            ],
        )
        await self.does("validateRichMenuObject", ask.validate_rich_menu_object, menu)
        ids = []
        for _ in range(2):
            made = await self.does("createRichMenu", ask.create_rich_menu, menu)
            ids.append(made.rich_menu_id)
        first, second = ids
        await self.refuses(
            "setDefaultRichMenu, no image",
            400,
            "must upload richmenu image before applying it to user",
            ask.set_default_rich_menu,
            first,
        )
        for menu_id in ids:
            await self.does(
                "setRichMenuImage",
                self.blobs.set_rich_menu_image,
                menu_id,
                body=bytearray(picture(800, 250)),
                _headers={"Content-Type": "image/png"},
            )
        await self.does(
            "getRichMenuImage",
            self.blobs.get_rich_menu_image,
            first,
            check=lambda answer: bytes(answer).startswith(b"\x89PNG"),
        )
        await self.does(
            "getRichMenu",
            ask.get_rich_menu,
            first,
            check=lambda answer: answer.chat_bar_text == "Menu",
        )
        await self.does(
            "getRichMenuList",
            ask.get_rich_menu_list,
            check=lambda answer: [menu.rich_menu_id for menu in answer.richmenus] == ids,
        )
        await self.does("setDefaultRichMenu", ask.set_default_rich_menu, first)
        await self.does(
            "getDefaultRichMenuId",
            ask.get_default_rich_menu_id,
            check=lambda answer: answer.rich_menu_id == first,
        )
        await self.does("cancelDefaultRichMenu", ask.cancel_default_rich_menu)
        await self.refuses(
            "getDefaultRichMenuId, none",
            404,
            "no default richmenu",
            ask.get_default_rich_menu_id,
        )
        await self.menu_links(friends, first, second)
        await self.menu_aliases(first, second)
        await self.does(
            "getRichMenuInsightSummary",
            self.figures.get_rich_menu_insight_summary,
            first,
            var_from=day,
            to=day,
            check=lambda answer: answer.rich_menu_id == first,
        )
        await self.does(
            "getRichMenuInsightDaily",
            self.figures.get_rich_menu_insight_daily,
            first,
            var_from=day,
            to=day,
            check=lambda answer: len(answer.impression.metrics) == 1,
        )
        for menu_id in ids:
            await self.does("deleteRichMenu", ask.delete_rich_menu, menu_id)
        await self.refuses(
            "getRichMenu, deleted", 404, "richmenu not found", ask.get_rich_menu, first
        )

    async def menu_links(self, friends, first, second):
        ask = self.messages
        friend = friends[0]
        await self.does(
            "linkRichMenuIdToUser", ask.link_rich_menu_id_to_user, friend, first
        )
        await self.does(
            "getRichMenuIdOfUser",
            ask.get_rich_menu_id_of_user,
            friend,
            check=lambda answer: answer.rich_menu_id == first,
        )
        await self.does(
            "unlinkRichMenuIdFromUser", ask.unlink_rich_menu_id_from_user, friend
        )
        await self.refuses(
            "getRichMenuIdOfUser, none",
            404,
            "the user has no richmenu",
            ask.get_rich_menu_id_of_user,
            friend,
        )
        await self.does(
            "linkRichMenuIdToUsers",
            ask.link_rich_menu_id_to_users,
            messaging.RichMenuBulkLinkRequest(rich_menu_id=first, user_ids=friends),
        )
        batch = messaging.RichMenuBatchRequest(
            operations=[
                messaging.RichMenuBatchLinkOperation.from_dict(
                    {"type": "link", "from": first, "to": second}
                )
            ]
        )
        await self.does(
            "validateRichMenuBatchRequest", ask.validate_rich_menu_batch_request, batch
        )
        accepted = await self.does(
            "richMenuBatch", self.operations.with_headers("rich_menu_batch"), batch
        )
        request = accepted.headers["x-line-request-id"]
        for _ in range(40):
            progress = await self.does(
                "getRichMenuBatchProgress", ask.get_rich_menu_batch_progress, request
            )
            if progress.phase != "ongoing":
                break
            await asyncio.sleep(0.5)
        assert progress.phase == "succeeded", progress
        for friend in friends:
            answer = await self.operations.ask(ask.get_rich_menu_id_of_user, friend)
            assert answer.rich_menu_id == second, answer
        await self.does(
            "unlinkRichMenuIdFromUsers",
            ask.unlink_rich_menu_id_from_users,
            messaging.RichMenuBulkUnlinkRequest(user_ids=friends),
        )

    async def menu_aliases(self, first, second):
        ask = self.messages
        alias = messaging.CreateRichMenuAliasRequest(
            rich_menu_alias_id="winter", rich_menu_id=first
        )
        await self.does("createRichMenuAlias", ask.create_rich_menu_alias, alias)
        await self.refuses(
            "createRichMenuAlias, again",
            400,
            "conflict richmenu alias id",
            ask.create_rich_menu_alias,
            alias,
        )
        await self.does(
            "updateRichMenuAlias",
            ask.update_rich_menu_alias,
            "winter",
            messaging.UpdateRichMenuAliasRequest(rich_menu_id=second),
        )
        await self.does(
            "getRichMenuAlias",
            ask.get_rich_menu_alias,
            "winter",
            check=lambda answer: answer.rich_menu_id == second,
        )
        await self.does(
            "getRichMenuAliasList",
            ask.get_rich_menu_alias_list,
            check=lambda answer: len(answer.aliases) == 1,
        )
        await self.does("deleteRichMenuAlias", ask.delete_rich_menu_alias, "winter")
        await self.refuses(
            "getRichMenuAlias, deleted",
            404,
            "richmenu alias not found",
            ask.get_rich_menu_alias,
            "winter",
        )
