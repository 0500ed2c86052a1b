from __future__ import annotations

import contextlib
import io
import tarfile
from collections.abc import Iterator

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from sandbox import SubmissionRejectedError
from sandbox.transfer import (
    LEFT_BEHIND,
    MTIME,
    Caps,
    Kind,
    Member,
    Parcel,
    below,
    canonical,
    name_fault,
    pack,
    read_tar,
    repack,
)

CAPS = Caps(content_bytes=1 << 20, entries=1000)

part = st.text(st.characters(codec="utf-8"), min_size=1, max_size=12)


def comes_out(name: str) -> bool:
    """What the tools of a language leave behind does not."""
    left = not LEFT_BEHIND.isdisjoint(name.split("/")) or name.endswith((".pyc", ".pyo"))
    return name_fault(name) is None and not left


names = st.lists(part, min_size=1, max_size=4).map("/".join).filter(comes_out)
trees = st.dictionaries(names, st.binary(max_size=1500), max_size=8)


def through(data: bytes, cut: int = 700) -> Iterator[Member]:
    return read_tar((data[i : i + cut] for i in range(0, len(data), cut)), max_bytes=1 << 24)


def file(name: str, content: bytes = b"x") -> Member:
    return Member(name.encode(), Kind.FILE, content)


def a_tar(*headers: tarfile.TarInfo, content: bytes = b"", form: int = tarfile.PAX_FORMAT) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=form) as tar:
        for header in headers:
            header.size = len(content) if header.isreg() else 0
            tar.addfile(header, io.BytesIO(content))
    return buffer.getvalue()


def a_header(name: str, kind: bytes = tarfile.REGTYPE, target: str = "", **pax: str) -> tarfile.TarInfo:
    header = tarfile.TarInfo(name)
    header.type, header.linkname, header.pax_headers = kind, target, pax
    return header


class TestThereAndBack:
    @given(tree=trees, cut=st.integers(1, 3000))
    def test_what_went_in_comes_out(self, tree: dict[str, bytes], cut: int) -> None:
        data = pack([Parcel(path="workspace", files=tree, uid=7)], root="box")
        forms = [
            canonical(p)
            for p in {"/".join(n.split("/")[:i]) for n in tree for i in range(1, n.count("/") + 2)}
        ]
        assume(len(set(forms)) == len(forms))
        assume(not any(name.startswith(f"{other}/") for name in tree for other in tree))
        assert repack(below(through(data, cut), "box/workspace"), CAPS) == tree

    def test_the_archive_is_the_same_for_the_same_tree(self) -> None:
        tree = {"b/c": b"1", "a": b"2"}
        first = pack([Parcel(path="w", files=tree, uid=7)])
        assert first == pack([Parcel(path="w", files=dict(reversed(tree.items())), uid=7)])

    def test_owners_and_modes_are_those_given(self) -> None:
        parcel = Parcel(path="w", files={"d/f": b"x"}, uid=10002, file_mode=0o400, directory_mode=0o500)
        with tarfile.open(fileobj=io.BytesIO(pack([parcel], root="box"))) as tar:
            found = {m.name: (m.uid, m.gid, m.mode, m.mtime == MTIME, m.isdir()) for m in tar.getmembers()}
        assert found == {
            "box/w": (10002, 10002, 0o500, True, True),
            "box/w/d": (10002, 10002, 0o500, True, True),
            "box/w/d/f": (10002, 10002, 0o400, True, False),
        }

    @given(
        name=st.text(st.sampled_from("aé/"), min_size=1, max_size=120).filter(
            lambda name: "//" not in name and name[0] != "/" and name[-1] != "/"
        ),
        content=st.binary(max_size=600),
    )
    def test_headers_are_those_of_the_standard_library(self, name: str, content: bytes) -> None:
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as tar:
            for path in ("w", *(f"w/{name[:n]}" for n, letter in enumerate(name) if letter == "/")):
                header = a_header(path, tarfile.DIRTYPE)
                header.uid = header.gid = 10002
                header.mode, header.mtime = 0o500, MTIME
                tar.addfile(header)
            header = a_header(f"w/{name}")
            header.uid = header.gid = 10002
            header.mode, header.mtime, header.size = 0o400, MTIME, len(content)
            tar.addfile(header, io.BytesIO(content))
        parcel = Parcel(path="w", files={name: content}, uid=10002, file_mode=0o400, directory_mode=0o500)
        packed = pack([parcel])
        assert buffer.getvalue().startswith(packed)
        assert not buffer.getvalue()[len(packed) :].strip(b"\0")

    @pytest.mark.parametrize("form", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT])
    def test_every_common_form_of_long_name_is_read(self, form: int) -> None:
        name = "/".join(["d" * 20] * 8)
        assert [m.name for m in through(a_tar(a_header(name), content=b"x", form=form))] == [name.encode()]


class TestWhatIsRejected:
    @pytest.mark.parametrize("kind", [k for k in Kind if k not in (Kind.FILE, Kind.DIRECTORY)])
    def test_anything_but_files_and_directories(self, kind: Kind) -> None:
        with pytest.raises(SubmissionRejectedError, match=str(kind)):
            repack([file("a"), Member(b"b", kind)], CAPS)

    @pytest.mark.parametrize(
        "name",
        [
            "/etc/passwd", "../x", "a/../b", "a//b", "./a", "a/.", "-rf", "a/-x", "a\\b", "a\nb", "a\0b", "\x1b[2J",
            "\u202etxt.exe", "\u200b", "\u2028", "\ufeff", ".GIT/config", "a/.Git", ".git.", ".git ", "git~1",
            "\uff0egit/x", "x" * 201, "/".join("a" * 13), "",
        ],
    )  # fmt: skip
    def test_names_that_mean_something_else_somewhere(self, name: str) -> None:
        with pytest.raises(SubmissionRejectedError):
            repack([file(name)], CAPS)

    def test_names_that_are_not_utf8(self) -> None:
        with pytest.raises(SubmissionRejectedError, match="UTF-8"):
            repack([Member(b"\xff\xfe", Kind.FILE)], CAPS)

    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ("a", "A"),
            ("\u00e9", "e\u0301"),
            ("straße", "STRASSE"),
            ("D/x", "d/y"),
            ("a", "a"),
            ("a", "a/b"),
            ("a/b", "a"),
        ],
    )
    def test_names_that_are_one_file_on_some_file_systems(self, one: str, other: str) -> None:
        with pytest.raises(SubmissionRejectedError):
            repack([file(one), file(other)], CAPS)

    def test_more_than_the_caps(self) -> None:
        with pytest.raises(SubmissionRejectedError, match="3 files"):
            repack((file(str(i)) for i in range(4)), Caps(content_bytes=99, entries=3))
        with pytest.raises(SubmissionRejectedError, match="5 bytes"):
            repack([file("a", b"123"), file("b", b"456")], Caps(content_bytes=5, entries=3))
        with pytest.raises(SubmissionRejectedError, match="3 files"):
            repack((Member(b"%d" % i, Kind.DIRECTORY) for i in range(4)), Caps(content_bytes=99, entries=3))

    def test_the_message_carries_no_raw_control_characters(self) -> None:
        with pytest.raises(SubmissionRejectedError) as caught:
            repack([file("a\x1b[2J\u202eb")], CAPS)
        assert str(caught.value).isprintable()

    def test_what_is_left_behind_counts_but_does_not_reject(self) -> None:
        left = [Member(b".git/hooks/x", Kind.SYMLINK), Member(b"a/__pycache__/b.pyc", Kind.FILE, b"x")]
        assert repack([*left, file("m.pyc"), file("m.py")], CAPS) == {"m.py": b"x"}
        with pytest.raises(SubmissionRejectedError):
            repack(left, Caps(content_bytes=99, entries=1))


class TestHostileArchives:
    def test_links_devices_and_fifos_are_named_as_what_they_are(self) -> None:
        headers = [
            a_header("s", tarfile.SYMTYPE, "/etc/passwd"), a_header("h", tarfile.LNKTYPE, "s"),
            a_header("f", tarfile.FIFOTYPE), a_header("c", tarfile.CHRTYPE), a_header("b", tarfile.BLKTYPE),
            a_header("d", tarfile.DIRTYPE), a_header("v", b"V"),
        ]  # fmt: skip
        assert [m.kind for m in through(a_tar(*headers))] == [
            Kind.SYMLINK, Kind.HARDLINK, Kind.FIFO, Kind.DEVICE, Kind.DEVICE, Kind.DIRECTORY, Kind.UNKNOWN,
        ]  # fmt: skip

    def test_sparse_and_other_extended_headers_are_refused(self) -> None:
        for pax in (
            {"GNU.sparse.size": "9"},
            {"GNU.sparse.major": "1"},
            {"comment": "x"},
            {"hdrcharset": "BINARY"},
        ):
            with pytest.raises(SubmissionRejectedError, match="extended header"):
                list(through(a_tar(a_header("f", **pax), content=b"x")))

    def test_attributes_and_times_of_the_engine_are_ignored(self) -> None:
        data = a_tar(a_header("f", mtime="1.5", **{"SCHILY.xattr.user.x": "y"}), content=b"x")
        assert [m.name for m in through(data)] == [b"f"]

    def test_a_global_header_is_refused_with_its_content(self) -> None:
        buffer = io.BytesIO()
        with tarfile.open(
            fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT, pax_headers={"path": "/etc/x"}
        ) as tar:
            tar.addfile(a_header("f"))
        with pytest.raises(SubmissionRejectedError, match="content"):
            list(through(buffer.getvalue()))

    def test_a_declared_size_that_never_comes_costs_nothing(self) -> None:
        header = tarfile.TarInfo("big")
        header.size = 1 << 33
        for form in (tarfile.PAX_FORMAT, tarfile.GNU_FORMAT):
            with pytest.raises(SubmissionRejectedError):
                list(through(header.tobuf(form) + b"x" * 1024))

    def test_a_stream_beyond_its_cap_is_cut(self) -> None:
        def endless() -> Iterator[bytes]:
            header = tarfile.TarInfo("big")
            header.size = 1 << 32
            yield header.tobuf()
            while True:
                yield bytes(1 << 16)

        with pytest.raises(SubmissionRejectedError, match="larger"):
            list(read_tar(endless(), max_bytes=1 << 20))

    def test_a_truncated_archive_is_refused(self) -> None:
        data = a_tar(a_header("f"), content=b"x" * 2000)
        for end in (100, 512, 1000, 2000):
            with pytest.raises(SubmissionRejectedError):
                list(through(data[:end]))

    @given(st.binary(max_size=3000))
    def test_noise_is_refused_and_nothing_else_is_raised(self, noise: bytes) -> None:
        with contextlib.suppress(SubmissionRejectedError):
            repack(through(noise), CAPS)

    @given(data=st.data())
    def test_a_damaged_archive_never_raises_anything_else(self, data: st.DataObject) -> None:
        good = bytearray(a_tar(a_header("d/é" * 30), a_header("l", tarfile.SYMTYPE, "x"), content=b"abc"))
        for _ in range(data.draw(st.integers(1, 6))):
            good[data.draw(st.integers(0, len(good) - 1))] = data.draw(st.integers(0, 255))
        with contextlib.suppress(SubmissionRejectedError):
            repack(through(bytes(good)), CAPS)

    @given(
        st.lists(
            st.tuples(st.binary(max_size=30), st.sampled_from(list(Kind)), st.binary(max_size=9)), max_size=12
        )
    )
    def test_whatever_the_members_only_plain_names_come_out(
        self, raw: list[tuple[bytes, Kind, bytes]]
    ) -> None:
        try:
            files = repack([Member(*one) for one in raw], CAPS)
        except SubmissionRejectedError:
            return
        assert all(name_fault(name) is None for name in files)
        assert list(files) == sorted(files)
