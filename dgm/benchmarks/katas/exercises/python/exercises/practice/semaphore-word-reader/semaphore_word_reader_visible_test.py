import unittest

from semaphore_word_reader import semaphore_words


class SemaphoreWordReaderTest(unittest.TestCase):
    def test_words_and_corrections(self):
        self.assertEqual(list(semaphore_words("fog//sea/")), ["fog", "sea"])
        self.assertEqual(list(semaphore_words("fi<og/lan")), ["fog"])

    def test_throwing_words_away(self):
        self.assertEqual(list(semaphore_words("fog/sa?mist/")), ["fog", "mist"])
        self.assertEqual(list(semaphore_words("fog/sea/?mist/")), ["fog", "mist"])

    def test_numerals(self):
        self.assertEqual(list(semaphore_words("#cj#m/fe+d/")), ["30m", "feed"])
        self.assertEqual(list(semaphore_words("#bz/bay/")), ["2z", "bay"])


if __name__ == "__main__":
    unittest.main()
