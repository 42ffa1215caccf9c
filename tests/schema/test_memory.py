"""What is remembered, and that it stays small."""

from tocsin.schema.memory import Remembered


def test_a_result_is_computed_once_for_each_key() -> None:
    asked: list[str] = []

    def upper(text: str) -> str:
        asked.append(text)
        return text.upper()

    memory = Remembered[str, str](upper, entries=10, max_chars=10)
    assert [memory["a"], memory["b"], memory["a"]] == ["A", "B", "A"]
    assert asked == ["a", "b"]


def test_it_starts_anew_when_full_and_keeps_nothing_long() -> None:
    memory = Remembered[str, int](len, entries=3, max_chars=5)
    assert [memory[str(number)] for number in range(1000)] == [len(str(number)) for number in range(1000)]
    assert len(memory) <= 3
    assert memory["x" * 6] == 6
    assert "x" * 6 not in memory


def test_the_length_of_a_pair_is_that_of_both() -> None:
    memory = Remembered[tuple[str, str], str]("".join, entries=3, max_chars=5)
    assert memory["abc", "def"] == "abcdef"
    assert memory["abc", "de"] == "abcde"
    assert list(memory) == [("abc", "de")]
