"""Audience groups by LINE's library: every operation of its two clients for them.

Groups are filled beside the request: whoever needs one that is ready asks until it is.
"""

import asyncio
import os
import tempfile
import uuid

from linebot.v3 import audience, messaging

NO_GROUP = 1_000_000_000_000
NOT_FOUND = "AUDIENCE_GROUP_NOT_FOUND"
WRONG_ID = "UPLOAD_AUDIENCE_GROUP_INVALID_AUDIENCE_ID_FORMAT"
NO_IDS = "UPLOAD_AUDIENCE_GROUP_NO_VALID_AUDIENCE_IDS"
BAD_TYPE = "The content type, text/csv, is not supported"


def of(ids):
    return [audience.Audience(id=id) for id in ids]


class Audiences:
    """Asks for everything of one pair of clients; what came of it goes where the others' does."""

    def __init__(self, operations, groups, files):
        self.operations = operations
        self.groups = groups
        self.files = files
        self.does = operations.does
        self.refuses = operations.refuses

    async def all(self, friends, request):
        group = await self.of_ids(friends)
        with tempfile.TemporaryDirectory() as folder:
            of_file = await self.of_files(friends, folder)
        await self.of_request(request)
        await self.listed(group)
        await self.sent_to(group)
        await self.deleted(group)
        await self.does("deleteAudienceGroup", self.groups.delete_audience_group, of_file)

    async def until(self, group, is_enough):
        """The group and its uploads as soon as they are as they should be."""
        for _ in range(80):
            found = await self.does(
                "getAudienceData", self.groups.get_audience_data, group
            )
            assert found.audience_group.audience_group_id == group, found
            if is_enough(found):
                return found
            await asyncio.sleep(0.5)
        raise AssertionError(f"still {found}")

    async def until_members(self, group, count):
        found = await self.until(
            group, lambda found: found.audience_group.audience_count == count
        )
        assert found.audience_group.status == "READY", found
        return found

    async def of_ids(self, friends):
        ask = self.groups
        made = await self.does(
            "createAudienceGroup",
            ask.create_audience_group,
            audience.CreateAudienceGroupRequest(
                description="Regulars",
                upload_description="the first two",
                audiences=of(friends[:2]),
            ),
            check=lambda answer: answer.type == "UPLOAD" and answer.description == "Regulars",
        )
        group = made.audience_group_id
        await self.until_members(group, 2)
        await self.does(
            "addAudienceToAudienceGroup",
            ask.add_audience_to_audience_group,
            audience.AddAudienceToAudienceGroupRequest(
                audience_group_id=group,
                upload_description="one more",
                audiences=of(friends[1:3]),
            ),
        )
        found = await self.until_members(group, 3)
        names = sorted(job.description for job in found.jobs)
        assert names == ["one more", "the first two"], found.jobs
        await self.no_group_of_ids(friends)
        await self.nothing_added(group, friends)
        return group

    async def no_group_of_ids(self, friends):
        for name, status, words, request in [
            ("no name", 400, "AUDIENCE_GROUP_NAME_EMPTY", {"description": ""}),
            ("control character", 400, "AUDIENCE_GROUP_NAME_WRONG", {"description": "a\tb"}),
            ("wrong id", 400, WRONG_ID, {"audiences": of([friends[0], "kim"])}),
            (
                "long upload description",
                400,
                "AUDIENCE_GROUP_UPLOAD_DESCRIPTION_SIZE_OVER",
                {"upload_description": "x" * 301, "audiences": of(friends[:1])},
            ),
            ("advertisers' ids", 403, "not available", {"is_ifa_audience": True}),
        ]:
            await self.refuses(
                f"createAudienceGroup, {name}",
                status,
                words,
                self.groups.create_audience_group,
                audience.CreateAudienceGroupRequest(**{"description": "no", **request}),
            )

    async def nothing_added(self, group, friends):
        for name, words, number, ids in [
            ("unknown group", NOT_FOUND, NO_GROUP, friends[:1]),
            ("no ids", NO_IDS, group, []),
            ("wrong id", WRONG_ID, group, ["kim"]),
        ]:
            await self.refuses(
                f"addAudienceToAudienceGroup, {name}",
                400,
                words,
                self.groups.add_audience_to_audience_group,
                audience.AddAudienceToAudienceGroupRequest(
                    audience_group_id=number, audiences=of(ids)
                ),
            )

    async def of_files(self, friends, folder):
        def file(name, lines):
            path = os.path.join(folder, name)
            with open(path, "w", encoding="utf-8") as written:
                written.write("".join(f"{line}\n" for line in lines))
            return path

        create = self.files.create_audience_for_uploading_user_ids
        made = await self.does(
            "createAudienceForUploadingUserIds",
            create,
            file("regulars.txt", friends[:4]),
            description="Regulars in a file",
            upload_description="four",
            check=lambda answer: answer.type == "UPLOAD",
        )
        group = made.audience_group_id
        await self.until_members(group, 4)
        await self.more_of_file(group, file("more.txt", friends[4:6]))
        for name, status, words, path in [
            ("wrong line", 400, WRONG_ID, file("wrong.txt", [friends[0], "kim"])),
            ("no ids", 400, NO_IDS, file("empty.txt", ["", ""])),
            ("no text", 415, BAD_TYPE, file("regulars.csv", friends[:1])),
        ]:
            await self.refuses(
                f"createAudienceForUploadingUserIds, {name}",
                status,
                words,
                create,
                path,
                description="no",
            )
        more = self.files.add_user_ids_to_audience
        path = file("regulars.txt", friends[:1])
        await self.refuses(
            "addUserIdsToAudience, no group", 400, NOT_FOUND, more, path
        )
        await self.refuses(
            "addUserIdsToAudience, no text",
            415,
            BAD_TYPE,
            more,
            file("more.csv", friends[:1]),
        )
        return group

    async def more_of_file(self, group, path):
        name = "addUserIdsToAudience"
        try:
            await self.does(
                name,
                self.files.add_user_ids_to_audience,
                path,
                audience_group_id=group,
                upload_description="two more",
            )
        except TypeError as error:
            # The asynchronous client cannot write a number into a form, whoever is asked.
            assert "Can not serialize value type" in str(error), error
            self.operations.came[name] = "the library asks nothing: it fails over the number"
            return
        found = await self.until_members(group, 6)
        assert "two more" in [job.description for job in found.jobs], found.jobs

    async def of_request(self, request):
        """Of who saw and who clicked a broadcast: nobody did so far."""
        clicks = audience.CreateClickBasedAudienceGroupRequest
        views = audience.CreateImpBasedAudienceGroupRequest
        for operation, call, kind, make in [
            (
                "createClickBasedAudienceGroup",
                self.groups.create_click_based_audience_group,
                "CLICK",
                clicks,
            ),
            (
                "createImpBasedAudienceGroup",
                self.groups.create_imp_based_audience_group,
                "IMP",
                views,
            ),
        ]:
            made = await self.does(
                operation,
                call,
                make(description=kind, request_id=request),
                check=lambda answer: answer.type == kind and answer.request_id == request,
            )
            found = await self.until(
                made.audience_group_id,
                lambda found: found.audience_group.status != "IN_PROGRESS",
            )
            why = found.audience_group.failed_type
            assert why == "AUDIENCE_GROUP_AUDIENCE_INSUFFICIENT", found
            await self.refuses(
                f"{operation}, again",
                400,
                "AUDIENCE_GROUP_REQUESTID_DUPLICATE",
                call,
                make(description=kind, request_id=request),
            )
            await self.refuses(
                f"{operation}, unknown request",
                400,
                "REQUEST_NOT_FOUND",
                call,
                make(description=kind, request_id=str(uuid.uuid4())),
            )

    async def listed(self, group):
        ask = self.groups
        await self.does(
            "updateAudienceGroupDescription",
            ask.update_audience_group_description,
            group,
            audience.UpdateAudienceGroupDescriptionRequest(description="Friends of winter"),
        )
        await self.refuses(
            "updateAudienceGroupDescription, control character",
            400,
            "AUDIENCE_GROUP_NAME_WRONG",
            ask.update_audience_group_description,
            group,
            audience.UpdateAudienceGroupDescriptionRequest(description="a\tb"),
        )

        def has(answer):
            return [found.audience_group_id for found in answer.audience_groups] == [group]

        await self.does(
            "getAudienceGroups",
            ask.get_audience_groups,
            page=1,
            size=40,
            description="WINTER",
            status="READY",
            create_route="MESSAGING_API",
            check=has,
        )
        await self.does(
            "getSharedAudienceGroups",
            ask.get_shared_audience_groups,
            page=1,
            check=lambda answer: not answer.audience_groups,
        )
        await self.does(
            "getSharedAudienceGroups",
            ask.get_shared_audience_groups,
            page=1,
            description="winter",
            includes_owned_audience_groups=True,
            check=has,
        )
        await self.does(
            "getSharedAudienceData",
            ask.get_shared_audience_data,
            group,
            check=lambda answer: answer.audience_group.audience_group_id == group,
        )
        await self.refuses(
            "getSharedAudienceData, unknown",
            400,
            NOT_FOUND,
            ask.get_shared_audience_data,
            NO_GROUP,
        )

    async def sent_to(self, group):
        """A narrowcast to the three."""
        ask = self.operations.messages
        message = messaging.TextMessage(text="(광고) regulars")

        def to(number):
            recipient = messaging.AudienceRecipient(audience_group_id=number)
            return messaging.NarrowcastRequest(messages=[message], recipient=recipient)

        accepted = await self.does(
            "narrowcast, audience", self.operations.with_headers("narrowcast"), to(group)
        )
        self.operations.sent.append(("narrowcast", 3))
        request = accepted.headers["x-line-request-id"]
        for _ in range(600):
            progress = await self.does(
                "getNarrowcastProgress", ask.get_narrowcast_progress, request
            )
            if progress.phase == "succeeded":
                break
            await asyncio.sleep(0.1)
        assert progress.success_count == progress.target_count == 3, progress
        await self.refuses(
            "narrowcast, unknown audience",
            400,
            "Invalid audience group id",
            ask.narrowcast,
            to(NO_GROUP),
        )

    async def deleted(self, group):
        ask = self.groups
        await self.does("deleteAudienceGroup", ask.delete_audience_group, group)
        for name, call in [
            ("getAudienceData", ask.get_audience_data),
            ("deleteAudienceGroup", ask.delete_audience_group),
        ]:
            await self.refuses(f"{name}, deleted", 400, NOT_FOUND, call, group)
        await self.refuses(
            "updateAudienceGroupDescription, deleted",
            400,
            NOT_FOUND,
            ask.update_audience_group_description,
            group,
            audience.UpdateAudienceGroupDescriptionRequest(description="gone"),
        )
