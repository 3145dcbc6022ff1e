signal=$1 again=1 rank=
shift
# The launcher inherits this; otherwise the signal would end it.
trap '' "$signal"
"$@" &
launcher=$!
trap 'again=1; for rank in $(cat /proc/"$launcher"/task/*/children); do kill -s "$signal" "$rank"; done' "$signal"
trap 'again=1; kill "$launcher"' TERM
while [ "$again" ]; do
  again='' code=0
  wait "$launcher" || code=$?
done
exit "$code"
