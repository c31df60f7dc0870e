"""Delimited text in a declared dialect: every value arrives as the source wrote it."""

from __future__ import annotations

import gzip

import pytest

from moulouya.errors import ReadError
from small_workspace import dicts_of, rows_of

TWO = {"code": "text", "name": "text"}


def test_quotes_commas_and_newlines_belong_to_the_value(staged):
    table = staged('code,name\n1,"a, ""b""\nc"\n', TWO).table
    assert rows_of(table) == [("1", 'a, "b"\nc')]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("last", [True, False])
def test_line_ends_of_either_kind_and_none_at_the_end(staged, end, last):
    content = f"code,name{end}1,a{end}2,b" + (end if last else "")
    assert rows_of(staged(content, TWO).table) == [("1", "a"), ("2", "b")]


@pytest.mark.parametrize(
    ("encoding", "name"),
    [
        ("utf-8", "عين بني مطهر"),
        ("utf-8-sig", "Aïn Béni Mathar"),
        ("cp1252", "L’Œuvre à 5 €"),
        ("latin-1", "Aïn Béni Mathar"),
        ("cp1256", "عين بني مطهر"),
        ("iso8859_6", "وجدة"),
        ("utf-16", "عين بني مطهر 😀"),
        ("utf-16-le", "بركان"),
        ("mac_roman", "Naïma"),
        ("shift_jis", "東京"),
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_every_declared_encoding_is_read(staged, encoding, name, packed):
    content = f'code,name\n1,"{name}"\n2,x\n'.encode(encoding)
    source = {"dialect": {"encoding": encoding}}
    if packed:
        content, source["compression"] = gzip.compress(content), "gzip"
    assert rows_of(staged(content, TWO, source=source).table) == [("1", name), ("2", "x")]


def test_a_byte_order_mark_is_not_part_of_the_first_name(staged):
    assert rows_of(staged(b"\xef\xbb\xbfcode,name\n1,a\n", TWO).table) == [("1", "a")]


def test_a_name_after_a_byte_order_mark_may_be_quoted(staged):
    assert rows_of(staged(b'\xef\xbb\xbf"code","name"\n1,a\n', TWO).table) == [("1", "a")]


@pytest.mark.parametrize("alias", ["UTF-8", "utf_8", "U8", "ASCII", "us-ascii"])
def test_utf_8_has_many_names(staged, alias):
    source = {"dialect": {"encoding": alias}}
    assert rows_of(staged(b"code,name\n1,a\n", TWO, source=source).table) == [("1", "a")]


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252", "utf-16"])
def test_bytes_of_another_encoding_are_refused_not_replaced(staged, encoding):
    content = b"code,name\n1,caf\x81\xe9\n\xff"
    with pytest.raises(ReadError) as caught:
        staged(content, TWO, source={"dialect": {"encoding": encoding}})
    assert "encoding" in f"{caught.value.hint} {caught.value.message}"
    assert caught.value.exit_code == 1


def test_wrong_bytes_beyond_the_first_block_say_where(staged):
    content = b"code,name\n" + b"1,aaaaaa\n" * 500_000 + b"2,\x81\n"
    with pytest.raises(ReadError, match=f"byte {len(content) - 2} is 81"):
        staged(content, TWO, source={"dialect": {"encoding": "cp1252"}})


@pytest.mark.parametrize(
    ("dialect", "content"),
    [
        ({"delimiter": ";"}, "code;name\n1;a,b\n"),
        ({"delimiter": "\t"}, "code\tname\n1\ta,b\n"),
        ({"delimiter": "|", "quote": "'"}, "code|name\n1|'a,b'\n"),
        ({"quote": "'"}, "code,name\n1,'a,b'\n"),
        ({"escape": "\\"}, 'code,name\n1,"a\\,b"\n'),
        ({"skip": 2}, 'A report, of 2024\n"two, words"\ncode,name\n1,"a,b"\n'),
        ({"delimiter": ";", "quote": ""}, "code;name\n1;a,b\n"),
    ],
)
def test_a_declared_dialect_is_followed(staged, dialect, content):
    assert rows_of(staged(content, TWO, source={"dialect": dialect}).table) == [("1", "a,b")]


def test_without_quotes_a_quote_is_a_letter(staged):
    source = {"dialect": {"quote": "", "delimiter": ";"}}
    assert rows_of(staged('code;name\n1;5" pipe\n', TWO, source=source).table) == [("1", '5" pipe')]


def test_without_a_header_columns_are_matched_by_position(staged):
    columns = {"code": {"type": "text", "from": "c1"}, "name": {"type": "text", "from": "c2"}}
    table = staged("1,a\n2,b\n", columns, source={"dialect": {"header": False}}).table
    assert rows_of(table) == [("1", "a"), ("2", "b")]


def test_a_column_is_found_by_its_name_in_the_source(staged):
    columns = {"code": {"type": "text", "from": "Code géo."}, "name": "text"}
    assert rows_of(staged("name,Code géo.\na,1\n", columns).table) == [("1", "a")]


def test_a_missing_column_names_the_close_one_and_what_there_is(staged):
    with pytest.raises(ReadError, match=r"no column 'name' .*did you mean 'Names'") as caught:
        staged("code,Names,extra\n1,a,b\n", TWO)
    assert caught.value.hint == "it has: code, Names, extra"


def test_names_that_the_header_repeats_can_still_be_read(staged):
    columns = {"code": "text", "value": {"type": "text", "from": "value"}}
    assert rows_of(staged("code,value,VALUE,x\n1,a,b,c\n", columns).table) == [("1", "a")]


def test_a_header_may_hold_empty_names(staged):
    assert rows_of(staged("code,,,name\n1,x,y,a\n", TWO).table) == [("1", "a")]


def test_names_are_trimmed(staged):
    assert rows_of(staged("code , name\n1,a\n", TWO).table) == [("1", "a")]


def test_a_packed_file_is_unpacked(staged):
    content = gzip.compress(b"code,name\n1,a\n")
    assert rows_of(staged(content, TWO, source={"compression": "gzip"}).table) == [("1", "a")]


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252"])
@pytest.mark.parametrize("cut", [8, 20, 200, -4])
def test_a_packed_file_that_was_cut_off_is_never_read_as_whole(staged, encoding, cut):
    rows = "".join(f"{n},name {n * 7919}\n" for n in range(2000))
    content = gzip.compress(f"code,name\n{rows}".encode())
    source = {"compression": "gzip", "dialect": {"encoding": encoding}}
    with pytest.raises(ReadError):
        staged(content[:cut], TWO, source=source)


def test_a_packed_file_with_a_wrong_checksum_is_refused(staged):
    content = bytearray(gzip.compress(b"code,name\n1,a\n"))
    content[-8] ^= 1
    with pytest.raises(ReadError):
        staged(bytes(content), TWO, source={"compression": "gzip"})


def test_a_file_that_is_not_packed_though_declared_is_refused(staged):
    with pytest.raises(ReadError, match=r"sample\.csv"):
        staged(b"code,name\n1,a\n", TWO, source={"compression": "gzip"})


def test_a_packed_file_that_is_not_declared_is_refused(staged):
    with pytest.raises(ReadError):
        staged(gzip.compress(b"code,name\n1,a\n"), TWO)


def test_an_empty_file_is_refused(staged):
    with pytest.raises(ReadError, match=r"sample\.csv is empty"):
        staged(b"", TWO)


def test_a_header_alone_is_no_rows(staged):
    result = staged(b"code,name\n", TWO)
    assert (result.rows, result.rejected, rows_of(result.table)) == (0, 0, [])


def test_several_files_are_one_table_and_each_row_knows_its_file(staged):
    result = staged(
        {"a.csv": b"code,name\n1,a\n", "b.csv": b"code,name\n2,b\n3,c\n"},
        {"code": "text", "name": "text"},
        source={"columns": {"_file": {"type": "text"}}},
    )
    assert result.rows == 3


def test_several_files_must_have_the_same_columns(staged):
    with pytest.raises(ReadError, match=r"b\.csv has other columns than a\.csv") as caught:
        staged({"a.csv": b"code,name\n1,a\n", "b.csv": b"code,nom\n2,b\n"}, TWO)
    assert "nom" in str(caught.value.hint)


def test_a_file_with_blanks_and_letters_of_any_script_in_its_name_is_read(staged):
    assert staged({"ملف 'واحد' [1]*.csv": b"code,name\n1,a\n"}, TWO).rows == 1


def test_blank_lines_are_no_rows(staged):
    result = staged("code,name\n\n1,a\n\n\n2,b\n\n", TWO)
    assert (rows_of(result.table), result.rejected) == ([("1", "a"), ("2", "b")], 0)


def test_in_a_table_of_one_column_an_empty_line_is_no_row(staged):
    result = staged("code\n1\n\n2\n", {"code": "text"})
    assert rows_of(result.table) == [("1",), ("2",)]


def test_a_nul_byte_is_read_or_refused_but_never_ends_the_file(staged):
    try:
        result = staged(b"code,name\n1,a\x00b\n2,c\n", TWO)
    except ReadError:
        return
    assert result.rows + result.rejected == 2


def test_a_name_with_quotes_and_apostrophes_is_an_ordinary_name(staged):
    columns = {"code": {"type": "text", "from": "it's"}, "name": {"type": "text", "from": 'a "b"'}}
    table = staged('it\'s,"a ""b"""\n1,x\n', columns).table
    assert dicts_of(table) == [{"code": "1", "name": "x"}]


def rejected(result):
    return rows_of(result.rejects, "line, reason")


THREE = {"code": "text", "name": "text", "people": "text"}
REJECT = {"dialect": {"stray_quotes": "reject"}}


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ('1,5" pipe,x', "a quote stands inside a value that is not quoted"),
        ('1,"a"b,x', "text follows a closing quote"),
        ('1,"a,x', "a quote is never closed"),
        ("1,a\rb,x", "a carriage return stands inside a value that is not quoted"),
        ("1,a\0b,x", "a NUL byte"),
        ("1,a,x,", "Expected Number of Columns: 3 Found: 4"),
        ("1;a;x", "Expected Number of Columns: 3 Found: 1"),
    ],
)
def test_a_record_that_breaks_the_rules_is_rejected_alone_where_that_is_declared(
    staged, record, reason
):
    text = f"code,name,people\n0,z,y\n{record}\n2,b,x\n3,c,x\n"
    result = staged(text, THREE, source=REJECT)
    assert [row[0] for row in rows_of(result.table)] == ["0", "2", "3"]
    assert rejected(result) == [(3, reason)]


@pytest.mark.parametrize(
    ("record", "name"),
    [('1,5" pipe,x', '5" pipe'), ('1,"a "b" c",x', 'a "b" c'), ('1,"a, 5"",x', 'a, 5"'),
     ('1,"b,x', '"b'), ('1,""a, b",x', '"a, b')],
)  # fmt: skip
def test_stray_quotes_are_letters_where_one_reading_fits(staged, record, name):
    result = staged(f"code,name,people\n{record}\n2,b,y\n", THREE)
    assert rows_of(result.table) == [("1", name, "x"), ("2", "b", "y")]


@pytest.mark.parametrize("record", ['1"a, b",x', '1,"a,"b",c",x,y'])
def test_a_record_that_could_be_read_in_two_ways_is_rejected_all_the_same(staged, record):
    result = staged(f"code,name,people\n{record}\n2,b,y\n", THREE)
    assert [row[0] for row in rows_of(result.table)] == ["2"]


def test_a_last_record_that_may_be_cut_off_inside_its_quotes_is_rejected(staged):
    result = staged('code,name,people\n1,a,x\n2,"b,y', THREE)
    assert [row[0] for row in rows_of(result.table)] == ["1"]
    assert rejected(result) == [(3, "a quote is never closed")]


def test_a_header_that_comes_again_is_a_second_table_unless_declared(staged):
    body = 'code,name\n1,a\n"code","name"\n2,b\n'
    with pytest.raises(ReadError, match="header again on line 3"):
        staged(body, TWO)
    result = staged(body, TWO, source={"dialect": {"repeated_header": True}})
    assert (rows_of(result.table), result.rejected) == ([("1", "a"), ("2", "b")], 0)


def test_a_header_of_several_lines_is_joined(staged):
    columns = {
        "code": {"type": "text", "from": "Code"},
        "men": {"type": "text", "from": "2024 men"},
    }
    result = staged("Code,2024\n,men\n1,5\n", columns, source={"dialect": {"header": 2}})
    assert rows_of(result.table) == [("1", "5")]


def test_no_line_as_long_as_the_header_is_an_error_of_the_file(staged):
    with pytest.raises(ReadError, match=r"no line of sample\.csv has the 2 values"):
        staged("code,name\n1,a,\n2,b,\n", TWO)


@pytest.mark.parametrize(
    ("dialect", "body"),
    [
        ({"skip_end": 2}, "code,name\n1,a\nSource: office\n(estimates)\n"),
        ({"comment": "#"}, '# it\'s "here\ncode,name\n# "x\n1,a\n'),
        ({"trim": True}, 'code , name\n 1 , "a" \n'),
        ({"delimiter": "||"}, "code||name\n1||a\n"),
        ({"delimiter": ", "}, 'code, name\n1, "a"\n'),
        ({"delimiter": " "}, 'code name\n1 "a"\n'),
        ({"quote": "«"}, "code,name\n1,«a«\n"),
        ({"delimiter": "<->"}, "code<->name\n1<->a\n"),
        ({"quote": "'", "escape": '"'}, "code,name\n1,'a'\n"),
    ],
)
def test_every_option_of_a_dialect_is_followed(staged, dialect, body):
    result = staged(body, TWO, source={"dialect": dialect})
    assert (rows_of(result.table), result.rejected) == ([("1", "a")], 0)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_ends_of_records_inside_quotes_belong_to_the_value(staged, end):
    body = f'code,name{end}1,"x\ny\r\nz\r"{end}2,b{end}{end}'
    assert rows_of(staged(body, TWO).table) == [("1", "x\ny\r\nz\r"), ("2", "b")]


def test_ends_of_records_may_change(staged):
    body = "code,name\r\n1,a\n2,b\r\n3,c"
    assert rows_of(staged(body, TWO).table) == [("1", "a"), ("2", "b"), ("3", "c")]


def test_an_escape_makes_marks_letters_and_leaves_others_alone(staged):
    body = 'code,name\n1,"a\\"b\\\\, \\n"\n2,c\\,d\n'
    result = staged(body, TWO, source={"dialect": {"escape": "\\"}})
    assert rows_of(result.table) == [("1", 'a"b\\, \\n'), ("2", "c,d")]


@pytest.mark.parametrize(("encoding", "mark"), [("utf-8", "utf-16"), ("cp1252", "utf-8-sig")])
def test_a_byte_order_mark_of_another_encoding_is_an_error(staged, encoding, mark):
    with pytest.raises(ReadError, match="byte order mark"):
        staged("code,name\n1,a\n".encode(mark), TWO, source={"dialect": {"encoding": encoding}})


def test_wrong_bytes_say_their_line(staged):
    with pytest.raises(ReadError, match=r"byte 16 is ff \(line 3\)"):
        staged(b"code,name\n1,a\n2,\xff\n", TWO)


def test_marks_that_are_the_same_are_refused(staged):
    with pytest.raises(ReadError, match="must differ"):
        staged("code,name\n", TWO, source={"dialect": {"delimiter": "'", "quote": "'"}})
