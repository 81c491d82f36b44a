"""`python -m localai`"""

import sys

if __name__ == '__main__':
	try:
		from localai.cli import main

		sys.exit(main())
	except KeyboardInterrupt:  # also while the first imports are made
		sys.exit(130)
