"""`python -m localai`"""

import os
import sys

if __name__ == '__main__':
	try:
		from localai.cli import main

		try:
			code = main()
		finally:
			sys.stdout.flush()
		sys.exit(code)
	except KeyboardInterrupt:  # also while the first imports are made
		sys.exit(130)
	except BrokenPipeError:  # who reads, such as `head`, has enough
		os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
		sys.exit(141)
