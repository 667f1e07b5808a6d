"""What is shown of sounds and films, with and without the library that decodes films."""

from __future__ import annotations

import io
import struct

import pytest
from PIL import Image

from tests.processors.films import chaptered, encoded, film, subtitled, tagged_mp3, wav
from uploads.processors import sound, video


def test_a_wave_is_measured(take):
    taken = take(wav(), "tone.wav")
    found = taken["audio"]
    assert taken.media_type == "audio/wav"
    assert (found["codec"], found["sample_rate"], found["channels"], found["bits"]) == (
        "PCM",
        44_100,
        1,
        16,
    )
    assert found["duration_s"] == 2.0
    assert found["lossless"] is True
    assert found["peak_db"] == pytest.approx(-6.0, abs=0.5)
    assert found["mean_db"] == pytest.approx(-12.0, abs=0.5)
    assert found["silence"] == pytest.approx(0.5, abs=0.05)
    assert len(found["waveform"]) in (39, 40)  # resamplers keep a few milliseconds
    assert found["waveform"][5] == pytest.approx(50, abs=3)
    assert found["waveform"][-1] == 0
    picture = Image.open(io.BytesIO(taken.artifact("audio", "waveform.webp")))
    assert picture.size == (1200, 240)
    assert taken.artifact("audio", "thumbnail.webp")
    assert taken.reports["audio"][-1][0] == taken.reports["audio"][-1][1]


@pytest.mark.parametrize("with_av", [True, False], ids=["av", "miniaudio"])
@pytest.mark.parametrize(
    ("form", "codec", "media_type"),
    [
        ("mp3", "libmp3lame", "audio/mpeg"),
        ("flac", "flac", "audio/flac"),
        ("wav", "pcm_s16le", "audio/wav"),
    ],
)
def test_common_formats_are_decoded_by_either_library(
    take, monkeypatch, form, codec, media_type, with_av
):
    monkeypatch.setattr(sound, "HAS_AV", with_av)
    taken = take(encoded(form, codec))
    found = taken["audio"]
    assert taken.media_type == media_type
    assert found["decoded"] is True
    assert found["peak_db"] == pytest.approx(-6.0, abs=1)
    assert found["silence"] == pytest.approx(0.5, abs=0.1)
    assert found["duration_s"] == pytest.approx(2.0, abs=0.1)


@pytest.mark.parametrize(
    ("form", "codec", "media_type"),
    [
        ("ipod", "aac", "audio/mp4"),
        ("ogg", "libopus", "audio/ogg"),
        ("adts", "aac", "audio/aac"),
        ("aiff", "pcm_s16be", "audio/aiff"),
    ],
)
def test_other_formats_need_the_extra_and_say_so(take, monkeypatch, form, codec, media_type):
    data = encoded(form, codec)
    taken = take(data)
    assert taken.media_type == media_type
    assert taken["audio"]["decoded"] is True
    monkeypatch.setattr(sound, "HAS_AV", False)
    if media_type != "audio/ogg":
        found = take(data)["audio"]
        assert (found["decoded"], found["waveform"]) == (False, [])
        assert found["codec"]
        assert found["note"]


@pytest.mark.parametrize(("form", "codec"), [("au", "pcm_s16be"), ("caf", "pcm_s16be")])
def test_a_sound_lasts_as_long_as_it_is_heard_where_its_head_is_misread(take, form, codec):
    found = take(encoded(form, codec))["audio"]
    assert found["duration_s"] == pytest.approx(2, abs=0.1)
    assert found["bit_rate"] == pytest.approx(768_000, rel=0.05)
    assert found["streams"][0]["duration_s"] == found["duration_s"]


def test_a_sound_that_was_cut_off_lasts_as_long_as_there_is_of_it(take):
    content = encoded("flac", "flac")
    assert take(content)["audio"]["duration_s"] == 2
    assert take(content[: len(content) // 2])["audio"]["duration_s"] < 1.5


def test_a_sound_whose_coding_no_decoder_knows_still_tells_what_its_head_says(take):
    content = bytearray(wav())
    struct.pack_into("<HH", content, 32, 5, 36)  # bytes of a sample, bits of it
    found = take(bytes(content), "a.wav")["audio"]
    assert (found["decoded"], found["sample_rate"], found["waveform"]) == (False, 44_100, [])
    assert found["note"] == "Nothing that is installed here decodes this format."


def test_a_machine_without_any_decoder_shows_what_the_head_says(take, monkeypatch):
    monkeypatch.setattr(sound, "HAS_AV", False)
    monkeypatch.setattr(sound, "HAS_MINIAUDIO", False)
    taken = take(wav(), "tone.wav")
    found = taken["audio"]
    assert taken.broken == {}
    assert (found["decoded"], found["waveform"], found["duration_s"]) == (False, [], 2.0)
    assert found["sample_rate"] == 44_100
    assert "decodes" in found["note"]


def test_tags_and_cover_are_shown(take):
    cover = io.BytesIO()
    Image.new("RGB", (500, 500), "green").save(cover, "JPEG")
    taken = take(tagged_mp3(cover.getvalue()), "tone.mp3")
    found = taken["audio"]
    assert (found["tags"]["title"], found["tags"]["artist"]) == ("A tone", "Ada")
    assert found["cover"] is True
    assert Image.open(io.BytesIO(taken.artifact("audio", "cover.webp"))).size == (500, 500)
    assert Image.open(io.BytesIO(taken.artifact("audio", "thumbnail.webp"))).size == (320, 320)


def test_a_sound_may_have_more_channels_in_its_middle(take):
    sound = encoded("mp3", "libmp3lame") + encoded("mp3", "libmp3lame", layout="stereo")
    found = take(sound, "joined.mp3")["audio"]
    assert found["loudness_lufs"] is not None
    assert found["peak_db"] == pytest.approx(-6, abs=1)


def test_a_codec_has_the_name_that_people_know(take):
    assert take(encoded("mp3", "libmp3lame"))["audio"]["codec"] == "MP3"


def test_who_made_a_wave_is_its_artist(take):
    info = b"INFOIART\x04\0\0\0Ada\0INAM\x02\0\0\0A\0"
    data = wav() + b"LIST" + len(info).to_bytes(4, "little") + info
    data = data[:4] + (len(data) - 8).to_bytes(4, "little") + data[8:]
    assert take(data)["audio"]["tags"] == {"artist": "Ada", "title": "A"}


def test_a_broken_cover_is_left_out(take):
    assert take(tagged_mp3(b"\xff\xd8\xff\xe0 no picture"))["audio"]["cover"] is False


@pytest.mark.parametrize(
    "content",
    [
        b"RIFF\xff\0\0\0WAVE" + b"\xee" * 500,
        b"fLaC" + b"\xee" * 500,
        b"OggS\0\x02" + b"\xee" * 500,
        wav()[:20],
    ],
    ids=["wav", "flac", "ogg", "cut"],
)
def test_broken_sounds_are_bad_files(take, content):
    assert take(content).broken["audio"].endswith(".")


@pytest.mark.parametrize(
    ("form", "codec", "media_type"),
    [
        ("mp4", "mpeg4", "video/mp4"),
        ("webm", "libvpx", "video/webm"),
        ("matroska", "mpeg4", "video/x-matroska"),
        ("avi", "mpeg4", "video/x-msvideo"),
        ("mpegts", "mpeg2video", "video/mp2t"),
    ],
)
def test_a_film_has_streams_a_poster_and_a_strip(take, form, codec, media_type):
    taken = take(film(form, codec, sound=form not in ("avi", "mpegts")))
    found = taken["video"]
    assert taken.media_type == media_type
    assert (found["width"], found["height"]) == (160, 120)
    assert found["fps"] == pytest.approx(10, abs=0.5)
    assert found["duration_s"] == pytest.approx(3, abs=0.3)
    assert found["poster"] is True
    strip = Image.open(io.BytesIO(taken.artifact("video", "strip.webp"))).convert("RGB")
    assert strip.size == (160 * found["strip"]["columns"], 120)
    assert len(found["strip"]["times_s"]) == found["strip"]["columns"] >= 6
    first = strip.getpixel((80, 60))
    assert isinstance(first, tuple)
    assert first[0] > 180
    assert taken.artifact("video", "thumbnail.webp")
    assert taken.reports["video"][-1] == (12, 12, "frames")


def test_without_the_extra_a_film_still_tells_its_streams(take, monkeypatch):
    monkeypatch.setattr(video, "HAS_AV", False)
    found = take(film())["video"]
    assert (found["width"], found["poster"], found["strip"]) == (160, False, None)
    assert "extra" in found["note"]
    assert [stream["type"] for stream in found["streams"]] == ["video", "audio"]
    assert found["tags"]["title"] == "Red and blue"


def test_a_film_of_an_unknown_codec_tells_its_streams_and_says_so(take):
    whole = film(codec="mpeg4")
    unknown = whole.replace(b"mp4v", b"zzzz").replace(b"esds", b"zzzz")
    assert unknown != whole
    found = take(unknown, "a.mp4")["video"]
    assert (found["poster"], found["strip"]) == (False, None)
    assert "decodes" in found["note"]


@pytest.mark.parametrize(
    ("make", "form", "step"),
    [
        (lambda: film("matroska"), "matroska", "video"),
        (film, "mp4", "video"),
        (lambda: encoded("ipod", "aac"), "ipod", "audio"),
    ],
    ids=["mkv", "mp4", "m4a"],
)
def test_chapters_have_their_titles_and_times(take, make, form, step):
    assert take(chaptered(make(), form))[step]["chapters"] == [
        {"at_s": 0.0, "title": "Red"},
        {"at_s": 1.0, "title": "Blue"},
    ]


def test_subtitles_become_text(take):
    taken = take(subtitled(), "x.mkv")
    (track,) = taken["video"]["subtitles"]
    assert (track["cues"], track["artifact"]) == (2, "subtitles-1.vtt")
    text = taken.artifact("video", "subtitles-1.vtt").decode()
    assert text.startswith("WEBVTT")
    assert "00:00:00.500 --> 00:00:01.500\nHello there" in text


def test_broken_films_are_bad_files_or_shown_as_far_as_they_go(take):
    data = film()
    assert "video" in take(data[:300]).broken
    assert "video" in take(b"\x1a\x45\xdf\xa3\x9f\x42\x82\x84webm" + b"\xee" * 500).broken
    cut = take(film("matroska")[:6000])
    assert "video" in cut.broken or cut["video"]["width"] == 160


def test_a_film_that_was_cut_off_is_told_from_one_without_streams(take):
    whole = film()
    assert "cut off" in take(whole[: len(whole) // 2], "a.mp4").broken["video"]
    nothing = whole[: whole.index(b"moov") - 4] + b"\0\0\0\x08moov"
    assert "no sound or picture" in take(nothing, "a.mp4").broken["video"]


def test_playlists_and_references_fetch_nothing(take):
    """A playlist is text: it never reaches a decoder that would follow it."""
    taken = take("#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\nhttp://127.0.0.1:9/x.ts\n", "x.mp4")
    assert taken.media_type == "application/vnd.apple.mpegurl"
    assert "video" not in taken.results
