"""Watches pcluster's validators: which of their words rest on an exception, or on a refusal of the simulated AWS."""

from __future__ import annotations

from typing import Any

# Why a validator's word is worth nothing, or less.
EXCEPTION = "exception"
AWS = "aws"


class Watch:
    """Wraps pcluster's validators in this process; ``doubts`` are those of the last run.

    pcluster turns an exception in a validator into an error with the exception's text (pcluster/config/common.py), and
    a validator whose call AWS refuses says what AWS said.
    """

    def __init__(self) -> None:
        self.doubts: list[dict[str, Any]] = []
        self._refusals: list[str] = []
        self._note_refusals()
        self._wrap()

    def begin(self) -> None:
        """Forget the run before."""
        self.doubts.clear()
        self._refusals.clear()

    def refused(self) -> list[str]:
        """What the simulated AWS refused in this run, in its words."""
        return list(self._refusals)

    def _note_refusals(self) -> None:
        from pcluster.aws.common import AWSClientError

        original, refusals = AWSClientError.__init__, self._refusals

        def noted(error: Any, function_name: str, message: str, error_code: str | None = None) -> None:
            original(error, function_name, message, error_code)
            refusals.append(str(message))

        AWSClientError.__init__ = noted

    def _wrap(self) -> None:
        from pcluster.aws.common import AWSClientError
        from pcluster.config.common import Resource
        from pcluster.validators.common import FailureLevel, ValidationResult

        def execute(arguments: dict[str, Any], validator: Any) -> list[Any]:
            before = len(self._refusals)
            try:
                results = list(validator.execute(**arguments))
            except Exception as error:
                why = AWS if isinstance(error, AWSClientError) else EXCEPTION
                results = [ValidationResult(str(error), FailureLevel.ERROR, validator.type)]
                self._doubt(results, why)
                return results
            if len(self._refusals) > before:
                self._doubt(results, AWS)
            return results

        Resource._validator_execute_sync = staticmethod(execute)

    def _doubt(self, results: list[Any], why: str) -> None:
        self.doubts += [{"type": item.validator_type, "message": item.message, "why": why} for item in results]
