"""CQL2 as SQL: only what is listed here, only columns of the table, every value bound.

Where SQL and CQL2 differ, CQL2 holds; what is missing is neither equal nor unequal, as in both.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from moulouya.duck import identifier
from moulouya.portal.api import cql, shapes
from moulouya.portal.api.cql import Expression
from moulouya.portal.api.faults import Refused, unknown
from moulouya.portal.api.pieces import (
    HUGE,
    NUMBER,
    RAW,
    TEXT,
    Piece,
    all_of,
    compared_as_written,
    double,
    equality,
    huge,
    is_numeric,
    is_temporal,
    is_textual,
    mixed,
    settled,
    text_of,
)
from moulouya.portal.records.formats import shape_of
from moulouya.portal.records.view import Table

DEEPEST = 60
MOST_VALUES = 500
COMPARED = ("=", "<>", "<", "<=", ">", ">=")
FUNCTIONS = ("accenti", "casei", "date", "timestamp", *shapes.RELATIONS)
PLACE = "geometry"


def compile_text(text: str, table: Table, parameter: str = "where") -> tuple[Piece, str]:
    """A condition as SQL over the table's columns, and its canonical text; raises Refused.

    Values to bind may be `shapes.Shapes`, to be looked up before.
    """
    expression = cql.read(text, parameter)
    compiler = _Compiler(expression, table, parameter)
    return compiler.condition(expression.tree, 0), expression.canonical


@dataclass(frozen=True)
class _Compiler:
    expression: Expression
    table: Table
    parameter: str

    def condition(self, node: Any, depth: int) -> Piece:
        """A tree that is true or false."""
        piece = self.piece(node, depth)
        if piece.kind != "boolean":
            raise mixed(self.parameter, piece, "where a condition belongs",
                        "compare it, as in population > 1000")  # fmt: skip
        return piece

    def piece(self, node: Any, depth: int) -> Piece:
        """Any tree; raises Refused for what is not allowed."""
        if depth > DEEPEST:
            raise Refused("expression", f"{self.parameter}: it nests too deeply",
                          parameter=self.parameter)  # fmt: skip
        if isinstance(node, bool):
            return Piece(str(node).upper(), (), "boolean", 0)
        if isinstance(node, str):
            token = self._token(node)
            return Piece(token.value, (), TEXT, token.at)
        if isinstance(node, dict) and "property" in node:
            return self._property(str(node["property"]))
        if isinstance(node, dict) and len(node) == 1 and next(iter(node)) in ("date", "timestamp"):
            name, mark = next(iter(node.items()))
            token = self._token(mark)
            kind = "date" if name == "date" else "datetime"
            return text_of(Piece(token.value, (), TEXT, token.at), kind, self.parameter)
        if isinstance(node, dict) and "op" in node:
            return self._operation(str(node["op"]), list(node["args"]), depth + 1)
        raise self._misplaced(node)

    def _operation(self, op: str, arguments: list[Any], depth: int) -> Piece:
        if op == "and":
            return all_of([self.condition(one, depth) for one in arguments])
        if op == "or":
            return _joined(" OR ", [self.condition(one, depth) for one in arguments])
        if op == "not":
            inner = self.condition(arguments[0], depth)
            return Piece(f"(NOT {inner.sql})", inner.bound, "boolean", inner.at)
        if op in COMPARED:
            left, right = (self._comparable(one, depth) for one in arguments)
            return self._compared(op, left, right)
        if op == "between":
            return self._between([self._comparable(one, depth) for one in arguments])
        if op == "in":
            return self._in(arguments, depth)
        if op == "like":
            return self._like(arguments, depth)
        if op == "isNull":
            piece = self._comparable(arguments[0], depth)
            if piece.kind in RAW:
                raise mixed(self.parameter, piece, "which is never missing")
            return Piece(f"({piece.sql} IS NULL)", piece.bound, "boolean", piece.at)
        if op in ("casei", "accenti"):
            return self._folded(op, arguments, depth)
        if op in ("+", "-", "*", "/", "%", "^", "div"):
            return self._calculated(op, arguments, depth)
        if op in shapes.RELATIONS:
            return self._related(op, arguments)
        raise unknown("expression", "function", op, FUNCTIONS, self.parameter, self._at(arguments))

    def _token(self, mark: str) -> cql.Token:
        try:
            return self.expression.token(mark)
        except ValueError as error:
            raise self._misplaced(mark) from error

    def _property(self, mark: str) -> Piece:
        token = self._token(mark)
        if token.kind == "number":
            return Piece(token.text, (), NUMBER, token.at)
        kind = self.table.types.get(token.value)
        if kind is None and token.value == PLACE and shape_of(self.table):
            return Piece("", (), PLACE, token.at)
        if kind is None:
            raise unknown("unknown-column", "column", token.value, list(self.table.types),
                          self.parameter, token.at)  # fmt: skip
        return Piece(identifier(token.value), (), kind, token.at, column=token.value)

    def _comparable(self, node: Any, depth: int) -> Piece:
        """A value, or a condition in parentheses; NULL has an operator of its own."""
        if node is None:
            raise Refused("types", f"{self.parameter}: nothing is equal to NULL",
                          "write IS NULL or IS NOT NULL", parameter=self.parameter)  # fmt: skip
        piece = self.piece(node, depth)
        if piece.kind == PLACE and not piece.sql:
            piece = Piece(identifier(shape_of(self.table)[0]), (), PLACE, piece.at)
        return piece

    def _agreed(self, left: Piece, right: Piece) -> tuple[Piece, Piece]:
        """Two values made comparable; raises Refused."""
        if left.kind == right.kind == NUMBER:
            return compared_as_written(left, right)
        if left.kind in RAW and right.kind in RAW:
            kinds = {NUMBER: "number", TEXT: "text"}
            left = settled(left, kinds[right.kind], self.parameter)
            return left, settled(right, kinds[right.kind], self.parameter)
        left = settled(left, right.kind, self.parameter)
        right = settled(right, left.kind, self.parameter)
        if is_temporal(left.kind) and is_temporal(right.kind):
            return _instants(left, right)
        for family in (is_numeric, is_textual):
            if family(left.kind) and family(right.kind):
                return left, right
        if left.kind == right.kind == "boolean":
            return left, right
        raise mixed(self.parameter, right, f"compared with {left.said}")

    def _compared(self, op: str, left: Piece, right: Piece) -> Piece:
        left, right = self._agreed(left, right)
        if left.kind == "boolean" and op not in ("=", "<>"):
            raise mixed(self.parameter, left, "which has no order")
        made = _joined(f" {op} ", [left, right])
        if op != "=":
            return made
        return replace(made, equals=equality(left, right) or equality(right, left))

    def _between(self, pieces: Sequence[Piece]) -> Piece:
        value, low, high = pieces
        return _joined(
            " AND ", [self._compared(">=", value, low), self._compared("<=", value, high)]
        )

    def _in(self, arguments: list[Any], depth: int) -> Piece:
        values = arguments[1] if isinstance(arguments[1], list) else [arguments[1]]
        if len(values) > MOST_VALUES:
            raise Refused("expression", f"{self.parameter}: IN has at most {MOST_VALUES} values",
                          parameter=self.parameter, at=self._at(arguments))  # fmt: skip
        left = self._comparable(arguments[0], depth)
        pairs = [self._agreed(left, self._comparable(one, depth)) for one in values]
        if len({(one.sql, one.bound, other.kind) for one, other in pairs}) > 1:
            return _joined(" OR ", [_joined(" = ", pair) for pair in pairs])
        first, listed = pairs[0][0], [other for _, other in pairs]
        bound = tuple(value for one in listed for value in one.bound)
        sql = f"({first.sql} IN ({', '.join(one.sql for one in listed)}))"
        return Piece(sql, (*first.bound, *bound), "boolean", left.at)

    def _like(self, arguments: list[Any], depth: int) -> Piece:
        left = self._comparable(arguments[0], depth)
        left = settled(left, "text", self.parameter)
        if not is_textual(left.kind):
            raise mixed(self.parameter, left, "and LIKE compares texts")
        folds: list[str] = []
        node = arguments[1]
        while isinstance(node, dict) and node.get("op") in ("casei", "accenti"):
            folds.append(str(node["op"]))
            node = node["args"][0]
        if not isinstance(node, str):
            raise Refused("types", f"{self.parameter}: LIKE wants a text between quotes",
                          "as in name LIKE 'Ber%'", parameter=self.parameter,
                          at=self._at(arguments))  # fmt: skip
        token = self._token(node)
        function, text = self._pattern(Piece(token.value, (), TEXT, token.at))
        pattern = text_of(Piece(text, (), TEXT, token.at), "text", self.parameter)
        place = pattern.sql
        for fold in reversed(folds):
            place = _fold(fold, place)
        return Piece(
            function.format(left.sql, place), (*left.bound, *pattern.bound), "boolean", left.at
        )

    def _pattern(self, piece: Piece) -> tuple[str, str]:
        """SQL for a pattern, as quick as it can be, with the text to bind."""
        text = piece.sql
        inner = text.strip("%")
        if not set(inner) & set("%_\\") and not text.endswith("\\%"):
            starts, ends = text.startswith("%"), text.endswith("%")
            if inner or not text:
                if starts and ends:
                    return "contains({0}, {1})", inner
                if starts:
                    return "ends_with({0}, {1})", inner
                return ("starts_with({0}, {1})" if ends else "({0} = {1})"), inner
        parts: list[str] = []
        rest = iter(text)
        for sign in rest:
            if sign == "\\":
                escaped = next(rest, None)
                if escaped is None:
                    raise Refused("values", f"{self.parameter}: a pattern cannot end with \\",
                                  "write \\\\", parameter=self.parameter, at=piece.at)  # fmt: skip
                parts.append(re.escape(escaped))
            else:
                parts.append({"%": ".*", "_": "."}.get(sign) or re.escape(sign))
        return "regexp_full_match({0}, {1}, 's')", "".join(parts)

    def _folded(self, op: str, arguments: list[Any], depth: int) -> Piece:
        piece = settled(self._comparable(arguments[0], depth), "text", self.parameter)
        if not is_textual(piece.kind):
            raise mixed(self.parameter, piece, f"and {op.upper()} is for texts")
        return Piece(_fold(op, piece.sql), piece.bound, "text", piece.at)

    def _calculated(self, op: str, arguments: list[Any], depth: int) -> Piece:
        if op == "*" and arguments[0] == -1.0:
            return self._negated(self._comparable(arguments[1], depth))
        left, right = (self._comparable(one, depth) for one in arguments)
        whole = huge(left), huge(right)
        if whole[0] is not None and whole[1] is not None and op not in ("/", "^"):
            one, other = whole[0], whole[1]
            sql = {
                "div": f"divide({one.sql}, nullif({other.sql}, 0))",
                "%": f"({one.sql} % nullif({other.sql}, 0))",
            }.get(op, f"({one.sql} {op} {other.sql})")
            return Piece(sql, (*one.bound, *other.bound), HUGE, one.at)
        one, other = double(left, self.parameter), double(right, self.parameter)
        sql = {
            "/": f"({one.sql} / nullif({other.sql}, 0))",
            "div": f"trunc({one.sql} / nullif({other.sql}, 0))",
            "%": f"({one.sql} % nullif({other.sql}, 0))",
            "^": f"pow({one.sql}, {other.sql})",
        }.get(op, f"({one.sql} {op} {other.sql})")
        return Piece(sql, (*one.bound, *other.bound), "number", one.at)

    def _negated(self, piece: Piece) -> Piece:
        if piece.kind == NUMBER:
            text = piece.sql.removeprefix("-")
            return Piece(text if text != piece.sql else f"-{text}", (), NUMBER, piece.at)
        whole = huge(piece)
        one = whole if whole is not None else double(piece, self.parameter)
        return Piece(f"(-{one.sql})", one.bound, one.kind, one.at)

    def _related(self, op: str, arguments: list[Any]) -> Piece:
        """A shape of the table and one that was written, in either order."""
        named = [one for one in arguments if isinstance(one, dict) and "property" in one]
        written = [one for one in arguments if one not in named]
        if len(named) != 1 or len(written) != 1:
            raise Refused(
                "types", f"{self.parameter}: {op.upper()} compares a column of shapes with a shape",
                f"as in {op.upper()}({PLACE}, BBOX(-3,34,-2,35))",
                parameter=self.parameter, at=self._at(arguments),
            )  # fmt: skip
        column = self._property(str(named[0]["property"]))
        if column.kind != "geometry":
            raise mixed(self.parameter, column, "and no shape")
        place = (self.expression.token(named[0]["property"]).value,) if column.sql else ()
        relation = op if arguments[0] is named[0] else shapes.TURNED.get(op, op)
        sql, bound = shapes.condition(
            relation, place or shape_of(self.table),
            shapes.read(written[0], self.parameter, column.at),
        )  # fmt: skip
        return Piece(sql, bound, "boolean", column.at)

    def _at(self, node: Any) -> int:
        """Where a tree begins in the text, as far as a token of it tells."""
        if isinstance(node, str):
            found = cql.MARK.fullmatch(node)
            return self.expression.token(node).at if found else 0
        parts: Sequence[Any] = ()
        if isinstance(node, Mapping):
            parts = list(node.values())
        elif isinstance(node, list):
            parts = node
        return next((at for at in map(self._at, parts) if at), 0)

    def _misplaced(self, node: Any) -> Refused:
        return Refused(
            "expression", f"{self.parameter}: a shape, a list or an interval stands where a value "
            "belongs", parameter=self.parameter, at=self._at(node),
        )  # fmt: skip


def _joined(sign: str, pieces: Sequence[Piece]) -> Piece:
    bound = tuple(value for piece in pieces for value in piece.bound)
    sql = sign.join(piece.sql for piece in pieces)
    return Piece(f"({sql})", bound, "boolean", pieces[0].at)


def _instants(left: Piece, right: Piece) -> tuple[Piece, Piece]:
    """A day among times is its first moment (UTC)."""
    if left.kind == right.kind:
        return left, right

    def instant(piece: Piece) -> Piece:
        if piece.kind == "datetime":
            return piece
        return Piece(f"CAST({piece.sql} AS TIMESTAMPTZ)", piece.bound, "datetime", piece.at)

    return instant(left), instant(right)


def _fold(op: str, sql: str) -> str:
    """A text without case, or without accents, vowel marks and the spellings of Arabic letters."""
    if op == "casei":
        return f"lower({sql})"
    return f"translate(strip_accents({sql}), 'ىةٱـ', 'يها')"
