import unittest

from semaphore_word_reader import semaphore_words


class SemaphoreWordReaderTest(unittest.TestCase):
    def test_words(self):
        self.assertEqual(list(semaphore_words("")), [])
        self.assertEqual(list(semaphore_words("fog/sea/")), ["fog", "sea"])
        self.assertEqual(list(semaphore_words("/fog///sea/")), ["fog", "sea"])
        self.assertEqual(list(semaphore_words("fog/sea")), ["fog"])
        self.assertEqual(list(semaphore_words("a/b/c/d/")), ["a", "b", "c", "d"])

    def test_numerals(self):
        self.assertEqual(list(semaphore_words("#abcdefghijk/")), ["1234567890k"])
        self.assertEqual(list(semaphore_words("a#a#a#a/a/")), ["a1a1", "a"])
        self.assertEqual(list(semaphore_words("#/a/")), ["a"])

    def test_numerals_end_with_the_word(self):
        self.assertEqual(list(semaphore_words("#a/a/")), ["1", "a"])
        self.assertEqual(list(semaphore_words("#a?a/")), ["a"])
        self.assertEqual(list(semaphore_words("b/#?a/")), ["a"])
        self.assertEqual(list(semaphore_words("b/#<a/")), ["ba"])
        self.assertEqual(list(semaphore_words("#ab<c/")), ["13"])

    def test_taking_back(self):
        self.assertEqual(list(semaphore_words("seq<a/")), ["sea"])
        self.assertEqual(list(semaphore_words("abc<<<d/")), ["d"])
        self.assertEqual(list(semaphore_words("<a/")), ["a"])

    def test_opening_the_held_word(self):
        self.assertEqual(list(semaphore_words("sea/<side/")), ["seaside"])
        self.assertEqual(list(semaphore_words("fog/sea/<<t/")), ["fog", "set"])
        self.assertEqual(list(semaphore_words("sea/b<<m/")), ["seam"])
        self.assertEqual(list(semaphore_words("sea/<<<<fog/")), ["fog"])
        self.assertEqual(list(semaphore_words("sea/fog/<")), ["sea"])
        self.assertEqual(list(semaphore_words("sea/<")), [])

    def test_throwing_away(self):
        self.assertEqual(list(semaphore_words("fog/sea?")), ["fog"])
        self.assertEqual(list(semaphore_words("fog/?sea/")), ["sea"])
        self.assertEqual(list(semaphore_words("fog/sea??sun/")), ["sun"])
        self.assertEqual(list(semaphore_words("a/b/c/??")), ["a", "b"])

    def test_repeating(self):
        self.assertEqual(list(semaphore_words("se+k/")), ["seek"])
        self.assertEqual(list(semaphore_words("+a+++/")), ["aaaa"])
        self.assertEqual(list(semaphore_words("#ab+/")), ["1212"])
        self.assertEqual(list(semaphore_words("x#a+#+/")), ["x1x11"])

    def test_everything_together(self):
        self.assertEqual(list(semaphore_words("ab/#c+<#d/<<?e/f/?#g<h+/")), ["ab", "e", "88"])
        self.assertEqual(list(semaphore_words("top/mast/?<s/#jj+/?/<a/")), ["top", "s", "a"])


if __name__ == "__main__":
    unittest.main()
